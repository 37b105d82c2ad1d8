"""The real program in a real pseudo-terminal: what it writes, when, and what is then on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte

PROGRAM = (sys.executable, "-m", "nnwalk_tui")
_TIMEOUT = 60.0  # seconds
_MESSAGE = 200  # bytes; what is said in the last lines takes fewer
_TICK = 0.02  # seconds of a slow line's reads
_POSITION = re.compile(r"epoch +(\d+)/\d+ +batch +(\d+)/(\d+)")


class Program:
    """A program in a truecolour terminal of `columns` × `rows`. Its output is kept in `chunks`, (time, bytes).

    `link` is how many bytes a second its line carries; without it, all there are.
    """

    def __init__(self, command: list[str], columns: int, rows: int, link: int | None = None) -> None:
        self.columns, self.rows, self._link = columns, rows, link
        self.chunks: list[tuple[float, bytes]] = []
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as a user has it
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self.begun = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=inside, stdout=inside, stderr=inside, env=environment, start_new_session=True
        )
        os.close(inside)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        while self._process.poll() is None:
            self.read(0.05)  # a full terminal would keep it from ending
        os.close(self._terminal)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def read(self, duration: float) -> int:
        """Take in output for some seconds; how many bytes there were."""
        end, count = time.perf_counter() + duration, 0
        while (left := end - time.perf_counter()) > 0:
            count += self._read_some(left)
        return count

    @property
    def cpu(self) -> float:
        """Seconds of processor time that the program has taken, its threads with it, its children not."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def await_end(self) -> float:
        """Wait until the program has ended; how many seconds that took."""
        begun = time.perf_counter()
        while self._process.poll() is None:
            self._read_some(0.01)
            if time.perf_counter() - begun > _TIMEOUT:
                raise TimeoutError(f"the program did not end within {_TIMEOUT:g} seconds")
        return time.perf_counter() - begun

    def await_quiet(self, quiet: float = 0.4) -> int:
        """Take in output until there is none for `quiet` seconds; how many bytes there were."""
        count = 0
        while size := self._read_some(quiet):
            count += size
        return count

    def await_frame(self) -> int:
        """Take in output until more than a message has come, and then until there is none; how many bytes."""
        end, count = time.perf_counter() + _TIMEOUT, 0
        while count < _MESSAGE and time.perf_counter() < end:
            count += self._read_some(0.1)
        return count + self.await_quiet()

    def await_text(self, text: str) -> float:
        """Wait until a text is on the screen; seconds since the program was started."""
        end = time.perf_counter() + _TIMEOUT
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        fed = 0
        while time.perf_counter() < end:
            self._read_some(0.02)
            for _, data in self.chunks[fed:]:
                stream.feed(data)
            if fed < len(self.chunks) and any(text in line for line in screen.display):
                return self.chunks[-1][0] - self.begun
            fed = len(self.chunks)
        raise TimeoutError(f"“{text}” was not on the screen within {_TIMEOUT:g} seconds")

    def _read_some(self, timeout: float) -> int:
        if not select.select([self._terminal], [], [], timeout)[0]:
            return 0
        try:
            data = os.read(self._terminal, int(self._link * _TICK) if self._link else 65536)
        except OSError:  # the program has ended
            time.sleep(min(timeout, 0.01))
            return 0
        self.chunks.append((time.perf_counter(), data))
        if self._link:
            time.sleep(_TICK)
        return len(data)


def screens(program: Program, first: int = 0) -> Iterator[tuple[float, list[str]]]:
    """The lines of the screen after each chunk from number `first` on, with its time.

    Worked out afterwards, so that the emulator takes no processor time while the program is measured.
    """
    screen = pyte.Screen(program.columns, program.rows)
    stream = pyte.ByteStream(screen)
    for number, (moment, data) in enumerate(program.chunks):
        stream.feed(data)
        if number >= first:
            yield moment, list(screen.display)


def iterations(program: Program, first: int = 0) -> Iterator[tuple[float, int]]:
    """The number of the batch in the header, counted over all epochs, after each chunk from number `first` on."""
    for moment, lines in screens(program, first):
        found = _POSITION.search(lines[0])
        if found is not None:
            epoch, batch, batches = map(int, found.groups())
            yield moment, (epoch - 1) * batches + batch
