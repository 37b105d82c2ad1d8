"""What the terminal can do. Imports nothing but the standard library: it is asked before the screen is imported."""

from __future__ import annotations

import gc
import json
import os
import sys
import termios
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO, cast

MANY_COLOURS = ("256", "direct", "kitty", "alacritty", "ghostty", "wezterm")


def can_show_screen(environ: Mapping[str, str] = os.environ) -> str | None:
    """Why a full screen cannot be shown here; None when it can.

    The screen is written to stderr, so stdout may well be a pipe.
    """
    for name, stream in (("standard input", sys.__stdin__), ("standard error", sys.__stderr__)):
        if stream is None or stream.closed or not stream.isatty():
            return f"{name} is not a terminal"
    kind = environ.get("TERM", "")
    if kind in ("", "dumb", "unknown"):
        return f"this terminal cannot move its cursor (TERM={kind})"
    return None


def before_the_screen(environ: MutableMapping[str, str] = os.environ) -> None:
    """What must be so before textual is imported.

    Esc alone is known 50 ms after it came, where textual would wait for 100: keys that send more than one byte begin
    with it, and the variable is the terminal world's own, so the user's goes. No garbage is looked for until the first
    picture: what is made until then stays, so that looking takes time and finds none.
    """
    environ.setdefault("ESCDELAY", "50")
    gc.disable()


class PlainOutput:
    """Standard output or error without control characters but newlines and tabs, which a name or message may carry.

    A carriage return ends a line: a progress bar that some code draws is a line for each of its states.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write what can be read of a text."""
        self._file.write(plain(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def plain(text: str) -> str:
    """A text, several lines perhaps, that steers no terminal."""
    if text.isprintable():
        return text
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in lines)


def guard_output() -> None:
    """Let no control character out by way of print."""
    if sys.stdout is not None:
        sys.stdout = cast("TextIO", PlainOutput(sys.stdout))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", PlainOutput(sys.stderr))


def json_line(value: object) -> str:
    """A value as one line of JSON; what cannot be printed is escaped, so nothing of it is lost."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


def is_gone(fileno: int) -> bool:
    """Whether the terminal behind a file has hung up. Only those that it controls are sent SIGHUP."""
    try:
        termios.tcgetattr(fileno)
    except (termios.error, OSError, ValueError):
        return True
    return False


def needs_ascii(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal's encoding is known not to be UTF-8, by the locale or by Python's own choice."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    encoding = (getattr(sys.__stderr__, "encoding", None) or "utf-8").lower().replace("-", "")
    return encoding != "utf8" or (bool(locale) and "utf8" not in locale.lower().replace("-", ""))


def scheme(chosen: str, environ: Mapping[str, str] = os.environ) -> str:
    """The theme that is chosen; of "auto", light where the terminal says that its ground is (COLORFGBG), else dark."""
    ground = environ.get("COLORFGBG", "").rpartition(";")[2]
    automatic = "light" if ground in ("7", "15") else "dark"
    return automatic if chosen == "auto" else chosen


def colours(environ: Mapping[str, str] = os.environ) -> Literal["full", "256", "ansi", "none"]:
    """The colours to use: all, 256, only the terminal's own 16, or none."""
    if environ.get("NO_COLOR"):
        return "none"
    kind = environ.get("TERM", "")
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "full"
    return "256" if any(name in kind for name in MANY_COLOURS) else "ansi"
