"""Frames at the terminal's pace: the next is asked for when the last has left the program.

Textual writes from a thread with a queue of 30 updates; on a slow link that is seconds of stale frames between a key
and what it does. Counting what was handed over and what was flushed tells when the link is free again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

from textual.drivers.linux_driver import LinuxDriver

from nnwalk_tui.terminal import is_gone

if TYPE_CHECKING:
    from textual.app import App


class PacedDriver(LinuxDriver):
    """Textual's driver, which also knows whether everything it was given has been written."""

    def __init__(self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None):
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.outlet = Outlet(cast("TextIO", self._file))
        self._file = cast("Any", self.outlet)

    @property
    def hung_up(self) -> bool:
        """Whether the terminal is gone: Textual would read from it for ever."""
        return is_gone(self.fileno)

    def write(self, data: str) -> None:
        """Hand over data to the writing thread."""
        self.outlet.expect(len(data))
        super().write(data)


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
