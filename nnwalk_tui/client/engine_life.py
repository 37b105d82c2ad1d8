"""One engine process: how it is started, spoken to and ended, and how its end is noticed.

Imports neither textual nor torch.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener

from engine.errors import EngineError
from engine.protocol.messages import ToEngine
from engine.protocol.recipe import Job
from engine.protocol.replies import Log
from engine.protocol.transport import Opening, ScreenEnd, screen_end
from nnwalk_tui.client.ending import ending, out_of_memory_kills
from nnwalk_tui.client.target import EngineDied, FromTarget

SOCKET_PATH_LIMIT = 100  # bytes; the kernel's is 108, on macOS 104
HUNG_UP = "it closed its connection to the screen, and was killed for it"
_LONGEST = 65_536  # bytes of a line of output; what is longer is several
_SHOWN = 5_000  # characters of one that are kept
LAST_WORDS = 1.0  # seconds that messages and output may take to arrive after the process ended


class EngineLife:
    """One engine process from start to end, and the three threads that watch it."""

    def __init__(self, command: list[str], job: Job, deliver: Callable[[FromTarget], None]) -> None:
        self._deliver_message = deliver
        self._closing = threading.Event()
        self._ended = threading.Event()
        self._sending = threading.Lock()
        self._hung_up = False
        self._channel: ScreenEnd | None = None
        self._unsent: list[ToEngine] = []
        self._folder = tempfile.mkdtemp(prefix="nnwalk-")
        self._address = _socket_path(self._folder)
        authkey = secrets.token_bytes(32)
        self._listener = Listener(self._address, "AF_UNIX", authkey=authkey)
        self._killed_before = out_of_memory_kills()
        self._process = _start(command, Opening(self._address, authkey.hex(), job))
        self._output_thread = self._thread(self._read_output)
        self._message_thread = self._thread(self._read_messages)
        self._thread(self._await_end)

    def send(self, message: ToEngine) -> None:
        """Send a message, or keep it until the engine has connected."""
        with self._sending:
            if self._channel is None:
                self._unsent.append(message)
                return
            with contextlib.suppress(EOFError):  # the engine is gone: its end is reported by _await_end
                self._channel.send(message)

    def close(self) -> None:
        """Hang up; then terminate; then kill, its children with it."""
        self._closing.set()
        if self._channel is not None:
            self._channel.close()
            self._ended.wait(0.2)  # torch takes longer than that to leave, and has nothing to save
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self._ended.is_set():
                break
            self._signal(sign)
            self._ended.wait(0.25)
        self._message_thread.join(0.1)
        self._output_thread.join(0.1)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _thread(self, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, daemon=True, name=f"engine{target.__name__}")
        thread.start()
        return thread

    def _read_output(self) -> None:
        """What the engine or the user's code prints, native code too, becomes Log messages."""
        assert self._process.stdout is not None
        with self._process.stdout as output:
            while line := output.readline(_LONGEST):
                self._deliver(Log(_last_state(line.decode(errors="replace"))))

    def _read_messages(self) -> None:
        channel = self._accept()
        if channel is None:
            return
        self._open(channel)
        try:
            while True:
                self._deliver(channel.receive())
        except EOFError:
            if not self._ended.wait(LAST_WORDS):  # it lives on, and nobody can talk to it any more
                self._hung_up = True
                self._signal(signal.SIGKILL)

    def _accept(self) -> ScreenEnd | None:
        """The connected engine, or None when it ended before it connected."""
        while not self._ended.is_set() and not self._closing.is_set():
            try:
                channel = screen_end(self._listener.accept())
            except (AuthenticationError, EOFError, OSError):
                continue  # a stranger, or _await_end knocking to wake this thread
            self._stop_listening()
            return channel
        self._stop_listening()
        return None

    def _open(self, channel: ScreenEnd) -> None:
        with self._sending:
            self._channel = channel
            with contextlib.suppress(EOFError):
                for message in self._unsent:
                    channel.send(message)
            self._unsent.clear()

    def _await_end(self) -> None:
        status = self._process.wait()
        reason = HUNG_UP if self._hung_up else ending(status, self._killed_before, out_of_memory_kills())
        self._ended.set()
        self._knock()
        self._message_thread.join(LAST_WORDS)
        self._output_thread.join(LAST_WORDS)
        self._deliver(EngineDied(reason))

    def _knock(self) -> None:
        """Wake `_accept`: closing a listening socket does not wake the thread that waits on it."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as knocker:
            knocker.connect(self._address)

    def _deliver(self, message: FromTarget) -> None:
        if not self._closing.is_set():
            self._deliver_message(message)

    def _signal(self, sign: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, sign)

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _socket_path(folder: str) -> str:
    path = os.path.join(folder, "engine")
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        shutil.rmtree(folder, ignore_errors=True)
        problem = f"the temporary folder's path is too long for a socket: {folder}"
        raise EngineError(problem, "set TMPDIR to a shorter one")
    return path


def _start(command: list[str], opening: Opening) -> subprocess.Popen[bytes]:
    """The engine process, in a session of its own: the terminal's signals and /dev/tty are not for it."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it ended already, which _await_end reports
        process.stdin.write(opening.line())
        process.stdin.close()
    return process


def _last_state(line: str) -> str:
    """What a terminal would be left showing of a line: of a progress bar, its last state."""
    last = line.rstrip("\r\n").rpartition("\r")[2]
    return last if len(last) <= _SHOWN else f"{last[:_SHOWN]}… ({len(last):,} characters)"
