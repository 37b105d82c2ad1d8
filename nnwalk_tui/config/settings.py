"""The user's settings: a commented TOML file, read at every start. A wrong entry is named and left aside.

A new setting is a row of ENTRIES, a field of Settings, and where it is used.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from engine.errors import EngineError
from engine.files import keep, our_folder
from nnwalk_tui import actions
from nnwalk_tui.colours.schemes import SCHEMES
from nnwalk_tui.options import Bytes
from nnwalk_tui.places.layouts import LAYOUTS

_LARGEST = 2**20  # bytes
_SHOWN = 60  # characters of a value that is wrong


class SettingsError(EngineError):
    """A settings file that cannot be written."""


class Problem(NamedTuple):
    """What is wrong in a settings file, on which line (0: nowhere in particular), and what to do."""

    line: int
    what: str
    cure: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.what} — {self.cure}"


@dataclass(frozen=True)
class Settings:
    """What the user has chosen; None is left to the terminal."""

    theme: str = "auto"
    ascii: bool | None = None
    mouse: bool = True
    layout: str = ""  # as it was left
    history: int = 256 * 2**20
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # command → keys, as they are written
    lines: Mapping[str, int] = field(default_factory=dict)  # where those commands stand in the file


class Chosen(NamedTuple):
    """The settings of a start, and what is wrong in their file."""

    settings: Settings
    problems: list[Problem]

    def warning(self, more: list[Problem]) -> str:
        """What is wrong in a line; "" where nothing is. `more` is what was found later."""
        problems = sorted([*self.problems, *more])
        if not problems:
            return ""
        others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return f"{default_path().name}, {problems[0]}{others} · nnwalk-tui config --check"


USUAL = Chosen(Settings(), [])


class Entry(NamedTuple):
    """A row of the table: a setting, as it is by default, what it does, and how its value is read.

    `read` raises ValueError for a value that is none, saying what would be.
    """

    name: str
    usual: str
    about: tuple[str, ...]
    read: Callable[[Any], Any]


def _theme(value: Any) -> str:
    if not isinstance(value, str) or value not in ("auto", *SCHEMES):
        raise ValueError("use " + ", ".join(f'"{name}"' for name in ("auto", *SCHEMES)))
    return str(value)


def _layout(value: Any) -> str:
    if not isinstance(value, str) or (value != "last" and value not in LAYOUTS):
        raise ValueError("use " + ", ".join(f'"{name}"' for name in ("last", *LAYOUTS)))
    return "" if value == "last" else str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("use true or false")
    return value


def _ascii(value: Any) -> bool | None:
    if value == "auto":
        return None
    if not isinstance(value, bool):
        raise ValueError('use true, false or "auto"')
    return value


def _bytes(value: Any) -> int:
    try:
        return Bytes().convert(value if isinstance(value, str) else "?", None, None)
    except click.UsageError:
        raise ValueError('use a size like "256MB"') from None


ENTRIES = (
    Entry(
        "theme",
        '"auto"',
        (
            "auto: light where the terminal says that it is (COLORFGBG), else dark",
            *(f"{each.name}: {each.about}" for each in SCHEMES.values()),
        ),
        _theme,
    ),
    Entry("ascii", '"auto"', ("true: no character outside ASCII; auto: only where the locale is not UTF-8",), _ascii),
    Entry("mouse", "true", ("false leaves the mouse to the terminal, for selecting text",), _flag),
    Entry("layout", '"last"', ("the layout at the start: last is as it was left", ", ".join(LAYOUTS)), _layout),
    Entry("history", '"256MB"', ("memory for going back",), _bytes),
)


def chosen(theme: str | None, ascii_only: bool, no_mouse: bool, history: int | None = None) -> Chosen:
    """The settings file, with the options of the command line before it."""
    settings, problems = read(default_path())
    settings = replace(
        settings,
        theme=theme or settings.theme,
        ascii=True if ascii_only else settings.ascii,
        mouse=settings.mouse and not no_mouse,
        history=settings.history if history is None else history,
    )
    return Chosen(settings, problems)


def default_path() -> Path:
    """Where the settings are."""
    from platformdirs import user_config_path

    return user_config_path("nnwalk-tui") / "config.toml"


def template() -> str:
    """The file with every setting as it is by default, and every key, commented out."""
    lines = [
        "# Settings of nnwalk-tui. What begins with # is as it is by default: take the # away to change it.",
        "# `nnwalk-tui config --check` says what is wrong in here, line by line. Options go before it.",
        "",
    ]
    for entry in ENTRIES:
        lines += [*(f"# {line}" for line in entry.about), f"# {entry.name} = {entry.usual}", ""]
    lines += [
        "# The keys of commands: any text that can be typed after : may have one, or several in […], or none: [].",
        '# They are written as on the keyboard: "n" "N" "/" "space" "f9" "ctrl+n" "alt+n" "pageup".',
        "[keys]",
    ]
    by_text: dict[str, list[str]] = {}
    for key in actions.KEYS:
        by_text.setdefault(key.text, []).append(key.shown)
    for text, shown in by_text.items():
        value = f'"{shown[0]}"' if len(shown) == 1 else "[" + ", ".join(f'"{one}"' for one in shown) + "]"
        lines.append(f'# "{text.strip().removeprefix("command ")}" = {value}')
    return "\n".join([*lines, ""])


def write_template(path: Path) -> None:
    """Write the file with its comments; one that is there is left as it is.

    Raises SettingsError for a file that is there, and where it cannot be written.
    """
    try:
        if os.path.lexists(path):
            cure = "nnwalk-tui config --check looks it through; move it away to begin anew"
            raise SettingsError(f"there are settings already: {path}", cure)
        keep(our_folder(path.parent) / path.name, template().encode())
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", "make its folder writable") from error


def read(path: Path) -> tuple[Settings, list[Problem]]:
    """The settings of a file, and what is wrong in it; what is wrong is as it is by default. No file is no problem."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return Settings(), [Problem(0, f"{path} is no file of settings", "move it away; all is as by default now")]
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings(), []
    except UnicodeDecodeError:
        return Settings(), [Problem(0, f"{path} is not UTF-8 text", "save it as UTF-8; all is as by default now")]
    except OSError as error:
        return Settings(), [Problem(0, f"{path} cannot be read: {error.strerror}", "mend its permissions")]
    import tomllib  # most have no file

    try:
        return _settings(tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        return Settings(), [_broken(str(error), text)]
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets in thousands of brackets
        return Settings(), [_broken("a value is too long, or too deeply nested", text)]


def _broken(said: str, text: str) -> Problem:
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    line = int(found[1]) if found and found[1] else len(text.splitlines())
    what = re.sub(r" \(at .*\)$", "", said)
    cure = 'write NAME = VALUE, text in "…", and see # for comments; all is as by default now'
    return Problem(line, f"this is no TOML: {what}", cure)


def _settings(table: dict[str, Any], text: str) -> tuple[Settings, list[Problem]]:
    settings = Settings()
    problems: list[Problem] = []
    known = {entry.name: entry for entry in ENTRIES}
    for name, value in table.items():
        line = _line_of(name, text)
        if name == "keys" and isinstance(value, dict):
            settings = replace(settings, **_keys(value, text, problems))
        elif name not in known:
            problems.append(Problem(line, f"there is no setting “{name}”", _nearest(name, [*known, "[keys]"])))
        else:
            try:
                settings = replace(settings, **{name: known[name].read(value)})
            except ValueError as error:
                problems.append(Problem(line, f"{name} cannot be {_shown(value)}", str(error)))
    return settings, problems


def _keys(table: dict[str, Any], text: str, problems: list[Problem]) -> dict[str, Any]:
    wanted: dict[str, tuple[str, ...]] = {}
    lines: dict[str, int] = {}
    for command, value in table.items():
        keys = [value] if isinstance(value, str) else value
        line = _line_of(command, text)
        if isinstance(keys, list) and all(isinstance(key, str) for key in keys):
            wanted[command], lines[command] = tuple(keys), line
        else:
            cure = 'use "n", or ["n", "f9"] for several, or [] for none'
            problems.append(Problem(line, f"the key of “{command}” cannot be {_shown(value)}", cure))
    return {"keys": wanted, "lines": lines}


def _line_of(name: str, text: str) -> int:
    """The line on which an entry or a table begins; 0 where it is written in an unusual way."""
    start = re.compile(rf"""\s*\[?\s*(["']?){re.escape(name)}\1\s*[=\].]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if start.match(line)), 0)


def _shown(value: Any) -> str:
    text = f"“{value:.{_SHOWN}}”" if isinstance(value, str) else str(value)
    return text.lower() if isinstance(value, bool) else text[: _SHOWN + 2]


def _nearest(name: str, names: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
