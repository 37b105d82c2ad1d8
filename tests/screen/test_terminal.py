"""What the terminal can do, and how frames are paced by it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from textual import events

from nnwalk_tui import terminal
from nnwalk_tui.colours import theme
from nnwalk_tui.pacing import Outlet, PacedDriver

pytestmark = pytest.mark.alone


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdin__", Tty())
    monkeypatch.setattr(sys, "__stderr__", Tty())


@pytest.mark.usefixtures("at_a_terminal")
def test_a_terminal_can_show_a_screen() -> None:
    assert terminal.can_show_screen({"TERM": "xterm"}) is None


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize("stream", ["__stdin__", "__stderr__"])
def test_a_pipe_is_named(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, stream, io.StringIO())
    assert "is not a terminal" in str(terminal.can_show_screen({"TERM": "xterm"}))


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize("environ", [{}, {"TERM": "dumb"}, {"TERM": ""}])
def test_a_dumb_terminal_is_named(environ: dict[str, str]) -> None:
    assert "TERM=" in str(terminal.can_show_screen(environ))


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize(
    ("environ", "ascii"),
    [
        ({}, False),
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"LC_ALL": "C.utf8"}, False),
        ({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
    ],
)
def test_a_locale_that_is_not_utf_8_means_ascii(environ: dict[str, str], ascii: bool) -> None:
    assert terminal.needs_ascii(environ) is ascii


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "full"),
        ({"TERM": "xterm-kitty"}, "256"),
        ({"TERM": "linux"}, "ansi"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
    ],
)
def test_the_colours_of_a_terminal_are_known_from_its_environment(environ: dict[str, str], colours: str) -> None:
    assert terminal.colours(environ) == colours
    assert theme.Colours(colours)


@pytest.mark.parametrize(
    ("chosen", "ground", "scheme"),
    [("auto", "0;15", "light"), ("auto", "0;default;7", "light"), ("auto", "15;0", "dark"), ("dark", "0;15", "dark")],
)
def test_a_terminal_may_say_that_it_is_light(chosen: str, ground: str, scheme: str) -> None:
    assert terminal.scheme(chosen, {"COLORFGBG": ground}) == scheme


def test_the_outlet_is_drained_when_all_that_was_expected_is_flushed() -> None:
    drained: list[str] = []
    outlet = Outlet(io.StringIO())
    outlet.when_drained(lambda: drained.append("at once"))
    outlet.expect(3)
    outlet.expect(2)
    outlet.when_drained(lambda: drained.append("later"))
    outlet.write("abc")
    outlet.flush()
    assert drained == ["at once"]
    outlet.write("de")
    assert drained == ["at once"]
    outlet.flush()
    outlet.flush()
    assert drained == ["at once", "later"]


def test_a_terminal_that_hung_up_swallows_what_is_written() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

        def flush(self) -> None:
            raise OSError(5, "Input/output error")

    drained: list[str] = []
    outlet = Outlet(Gone())
    outlet.expect(1)
    outlet.when_drained(lambda: drained.append("drained"))
    outlet.write("x")
    outlet.flush()
    assert drained == ["drained"]


def test_a_terminal_that_hung_up_is_gone() -> None:
    ours, theirs = pty.openpty()
    try:
        assert not terminal.is_gone(theirs)
        os.close(ours)
        assert terminal.is_gone(theirs)
    finally:
        os.close(theirs)


def test_the_program_ends_with_a_terminal_that_sends_no_signal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()  # of nobody's session: who hangs up sends no SIGHUP
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "tests.support.fake_program"]
    environment = {**os.environ, "TERM": "xterm-256color", "XDG_STATE_HOME": str(tmp_path)}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    try:
        os.close(theirs)
        seen = b""
        while b"graph" not in seen:
            seen += os.read(ours, 4096)
        os.close(ours)
        assert process.wait(30) == 128 + signal.SIGHUP
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("pieces", "keys"),
    [
        ((b"\x1b",), ["escape"]),
        ((b"a\x1b",), ["a", "escape"]),
        ((b"\x1b", b"[C", b"b"), ["right", "b"]),
        ((b"\xc3", b"\xa9"), ["é"]),
        ((b"\xff", b"q"), ["\ufffd", "q"]),
    ],
)
def test_keys_are_known_however_their_bytes_arrive(pieces: tuple[bytes, ...], keys: list[str]) -> None:
    seen, done = _keys_of(pieces)
    assert seen == keys
    assert done, "the terminal is gone, and yet it is read from"


def _keys_of(pieces: tuple[bytes, ...]) -> tuple[list[str], bool]:
    """What a driver makes of bytes, each piece some time after the one before; whether it stopped at their end."""
    out, into = os.pipe()
    driver = PacedDriver.__new__(PacedDriver)
    driver.fileno, driver.exit_event, driver._debug = out, threading.Event(), False
    driver._woken, driver._waker = os.pipe()
    driver._loop, left = cast(Any, SimpleNamespace(call_soon_threadsafe=lambda call: call())), list[bool]()
    driver._leave = lambda: left.append(True)
    seen: list[events.Key] = []
    driver.process_message = lambda message: seen.append(message)  # type: ignore[arg-type, method-assign]
    reader = threading.Thread(target=driver.run_input_thread)
    reader.start()
    for piece in pieces:
        os.write(into, piece)
        time.sleep(0.02)
    time.sleep(0.25)
    os.close(into)
    reader.join(5)
    for each in (out, driver._woken, driver._waker):
        os.close(each)
    assert left == [True], "the application does not hear that the terminal is gone"
    return [key.character if key.is_printable and key.character else key.key for key in seen], not reader.is_alive()
