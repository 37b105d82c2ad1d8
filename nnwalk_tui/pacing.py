"""Keys as soon as they are known, and frames at the terminal's pace: the next when the last has left the program.

Textual looks for an Esc that stands alone ten times a second, and reads for ever from a terminal that is gone. It
writes from a thread with a queue of 30 updates; on a slow link that is seconds of stale frames between a key and what
it does. Counting what was handed over and what was flushed tells when the link is free again.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

from textual import constants
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from nnwalk_tui.terminal import is_gone

if TYPE_CHECKING:
    from textual.app import App


_AFTER = 0.002  # seconds, to be surely past a delay
ESC = "\x1b"  # alone it is a key, with more it begins one


class PacedDriver(LinuxDriver):
    """Textual's driver, which also knows whether everything it was given has been written."""

    def __init__(self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None):
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.outlet = Outlet(cast("TextIO", self._file))
        self._file = cast("Any", self.outlet)
        self._woken, self._waker = os.pipe()  # ends the wait for keys
        self._gone = False
        self._leave: Callable[[], None] = lambda: None

    def when_gone(self, leave: Callable[[], None]) -> None:
        """Call `leave`, in the application's loop, when the terminal is gone."""
        self._leave = leave
        if self._gone or is_gone(self.fileno):
            leave()

    def disable_input(self) -> None:
        """Stop reading keys, which waits for nothing else."""
        os.write(self._waker, b".")
        super().disable_input()
        os.read(self._woken, 1)

    def run_input_thread(self) -> None:
        """Read keys until the driver stops, or the terminal is gone."""
        parser, decode = XTermParser(self._debug), getincrementaldecoder("utf-8")("replace").decode
        wait: float | None = None
        while not self.exit_event.is_set():
            text = ""
            if self.fileno in select.select([self.fileno, self._woken], [], [], wait)[0]:
                data = _read(self.fileno)
                if not data:
                    self._gone = True
                    self._loop.call_soon_threadsafe(self._leave)
                    return
                text = decode(data)
            if text:  # to the parser, nothing is the end
                for message in parser.feed(text):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)
            wait = constants.ESCAPE_DELAY + _AFTER if text.endswith(ESC) else None

    def write(self, data: str) -> None:
        """Hand over data to the writing thread."""
        self.outlet.expect(len(data))
        super().write(data)


def _read(fileno: int) -> bytes:
    try:
        return os.read(fileno, 4096)
    except OSError:
        return b""


class Outlet:
    """The terminal as a file, counting characters. A terminal that is gone swallows what is written."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._expected = self._written = 0
        self._waiting: Callable[[], None] | None = None

    def expect(self, characters: int) -> None:
        """Something is on its way."""
        with self._lock:
            self._expected += characters

    def when_drained(self, callback: Callable[[], None]) -> None:
        """Call back once, from any thread, when all that was expected is written. The latest callback wins."""
        with self._lock:
            drained = self._written >= self._expected
            self._waiting = None if drained else callback
        if drained:
            callback()

    def write(self, text: str) -> None:
        """Write to the terminal."""
        with contextlib.suppress(OSError):  # it hung up: SIGHUP ends the program, its last output has nowhere to go
            self._file.write(text)
        with self._lock:
            self._written += len(text)

    def flush(self) -> None:
        """Flush, which the writing thread does whenever its queue is empty."""
        with contextlib.suppress(OSError):
            self._file.flush()
        with self._lock:
            if self._written < self._expected:
                return
            callback, self._waiting = self._waiting, None
        if callback is not None:
            callback()

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._file.isatty()
