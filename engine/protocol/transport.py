"""How the screen and the engine talk: MessagePack over a local socket, bytes only, never pickle.

Both ends use this module, so it imports neither torch nor textual. The screen listens in a private folder and hands
the engine an `Opening`, one line of JSON on its standard input; the engine connects back with the key in it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from engine.protocol.messages import ToEngine
from engine.protocol.recipe import Job
from engine.protocol.replies import FromEngine

Sent = TypeVar("Sent")
Received = TypeVar("Received")


class Opening(msgspec.Struct, frozen=True):
    """The first line that the engine process reads: where to connect, and what to train."""

    address: str
    authkey: str  # hexadecimal
    job: Job

    def line(self) -> bytes:
        """As one line of JSON."""
        return msgspec.json.encode(self) + b"\n"


class Channel(Generic[Sent, Received]):
    """One end of a connection. Any thread may send; one thread receives."""

    def __init__(self, connection: Connection, received: Any) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(received)

    def send(self, message: Sent) -> None:
        """Send one message. Raises EOFError when the other end is gone."""
        encoded = self._encoder.encode(message)
        with self._sending:
            try:
                self._connection.send_bytes(encoded)
            except OSError as gone:
                raise EOFError("the other end of the connection has closed") from gone

    def receive(self) -> Received:
        """Wait for the next message. Raises EOFError when the other end has closed, however it ended."""
        try:
            message: Received = self._decoder.decode(self._connection.recv_bytes())
        except (OSError, EOFError) as gone:
            self._connection.close()
            raise EOFError("the other end of the connection has closed") from gone
        return message

    def waiting(self, seconds: float = 0.0) -> bool:
        """Whether a message (or the news that the other end has closed) can be received, now or in so many seconds."""
        try:
            return self._connection.poll(seconds)
        except OSError as gone:
            raise EOFError("the other end of the connection has closed") from gone

    def when_gone(self, then: Callable[[], None]) -> None:
        """Call `then`, from a thread, when the other end has closed: also while nobody receives."""
        watch = select.poll()
        watch.register(self._connection.fileno(), getattr(select, "POLLRDHUP", 0))  # a hang-up is always told

        def wait() -> None:
            watch.poll()
            then()

        threading.Thread(target=wait, daemon=True, name="hang-up").start()

    def close(self) -> None:
        """Hang up: `receive` raises EOFError at both ends.

        A shutdown, as closing a descriptor does not end the read in which another thread waits, and so tells no one.
        """
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)


ScreenEnd = Channel[ToEngine, FromEngine]
EngineEnd = Channel[FromEngine, ToEngine]


def read_opening(stream: BinaryIO) -> Opening:
    """The opening, from the engine process's standard input. Raises EOFError when there is none."""
    line = stream.readline()
    if not line.strip():
        raise EOFError("no opening line on the standard input; the engine is started by nnwalk-tui")
    return msgspec.json.decode(line, type=Opening)


def connect(opening: Opening) -> EngineEnd:
    """The engine's end of the channel. Raises OSError when the screen is gone."""
    return Channel(Client(opening.address, authkey=bytes.fromhex(opening.authkey)), ToEngine)


def screen_end(connection: Connection) -> ScreenEnd:
    """The screen's end of an accepted connection."""
    return Channel(connection, FromEngine)
