"""The real program under a real terminal: keys go in, the screen is read from an emulator, and it may be killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

_TICK = 0.02  # seconds of a slow line's reads
PATIENCE = 180.0  # seconds; a busy machine takes long to import torch


class Program:
    """`nnwalk-tui …` in a terminal of 80 × 24.

    `environment` goes before what there is, "" takes a name out of it; `before` is a command that starts the program,
    `link` how many bytes a second the line carries. `fake`: over the engine's stand-in, which is there much sooner.
    """

    def __init__(
        self,
        *arguments: str,
        state: Path,
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        link: int | None = None,
        fake: bool = False,
    ) -> None:
        self.written = b""
        self._link = link
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        usual = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_STATE_HOME": str(state)}
        usual |= {"PYTHONPATH": str(Path(__file__).parents[2]), **(environment or {})}
        given = {name: value for name, value in usual.items() if value}
        command = [*before, sys.executable, "-m", "tests.support.fake_program" if fake else "nnwalk_tui", *arguments]
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, given)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    @property
    def text(self) -> str:
        """What is on screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def place(self) -> tuple[int, int]:
        """Epoch and batch, as the title says; (0, 0) while it says nothing."""
        found = re.search(r"epoch +(\d+)/\d+ +batch +(\d+)/", self.text)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def read(self, seconds: float) -> bool:
        """Take in what is written for so long; False once the program has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._terminal], [], [], left)[0]:
                return True
            try:
                written = os.read(self._terminal, int(self._link * _TICK) if self._link else 65536)
            except OSError:
                return False
            if not written:
                return False
            self.written += written
            if self._link:
                time.sleep(_TICK)
            self._stream.feed(written.replace(b"\x1b[?2026$p", b""))
        return True

    def until(self, wanted: str | tuple[int, int]) -> None:
        """Read until a text, or a place in the title, is on screen."""
        end = time.monotonic() + PATIENCE
        while not (wanted in self.text if isinstance(wanted, str) else wanted == self.place):
            assert self._more(end), f"no {wanted!r} on screen:\n{self.text}"

    def _more(self, end: float) -> bool:
        """Read until something more is written; False where nothing comes. Looking at the screen costs much."""
        before = len(self.written)
        while len(self.written) == before:
            if not self.read(0.02) or time.monotonic() > end:
                return False
        return True

    def settle(self) -> None:
        """Read until nothing more is written for half a second."""
        end, before = time.monotonic() + PATIENCE, -1
        while before < len(self.written):
            before = len(self.written)
            assert self.read(0.5), f"it has ended:\n{self.text}"
            assert time.monotonic() < end, f"it does not come to rest:\n{self.text}"

    def engines(self) -> list[int]:
        """The processes that the screen has started."""
        return [int(child) for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def kill(self) -> None:
        """End the screen and its engine with no chance to save."""
        for process in (self.pid, *self.engines()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.ended()

    def signal(self, sign: signal.Signals) -> int:
        """Send a signal to the screen; the status that it ends with."""
        os.kill(self.pid, sign)
        return self.ended()

    def ended(self) -> int:
        """Read to the end of the program; its exit status."""
        end = time.monotonic() + PATIENCE
        while self.read(0.2):
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
        _, status = os.waitpid(self.pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)
