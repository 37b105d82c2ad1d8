"""The user's own keys: the key table with some commands on other keys, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.errors import CommandError
from engine.protocol.positions import Unit
from nnwalk_tui import actions
from nnwalk_tui.actions import KEYS, Key
from nnwalk_tui.config.settings import Problem, Settings

if TYPE_CHECKING:
    from textual.app import App

_NAMED = (
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete", "backspace"),
    *("enter", "escape", "tab", "space"),
    *(f"f{number}" for number in range(1, 13)),
)
_ALIASES = {"esc": "escape", "return": "enter", "del": "delete", "pgup": "pageup", "pgdn": "pagedown", " ": "space"}
_ARROWS = {"←": "left", "→": "right", "↑": "up", "↓": "down"}
_MODIFIERS = ("ctrl", "alt", "shift")
_WALKING = ("left", "right", "home", "end")  # they are a pane's only once it is entered
_OWN = "your own"  # the heading, in the help, of keys that the table did not have

Owners = Mapping[str, str]  # a key → the panes that have it for themselves


def remapped(settings: Settings, owners: Owners) -> tuple[tuple[Key, ...], list[Problem]]:
    """The key table with the user's keys, and the entries that are wrong: those commands keep their usual keys."""
    problems: list[Problem] = []
    wanted: dict[str, list[Key]] = {}
    for command, keys in settings.keys.items():
        found = _rows(command, keys, owners)
        if isinstance(found, tuple):
            problems.append(Problem(settings.lines.get(command, 0), *found))
        else:
            wanted[command] = found
    while (clash := _clash(wanted)) is not None:
        command, key, other = clash
        what = f"“{key.shown}” is the key of both “{command}” and “{other}”"
        problems.append(Problem(settings.lines.get(command, 0), what, f"choose another, or give “{other}” another"))
        del wanted[command]
    return _table(wanted), sorted(problems)


def _table(wanted: Mapping[str, list[Key]]) -> tuple[Key, ...]:
    """Every row where it was, on its new keys; new rows at the end."""
    table: list[Key] = []
    left = {_text_of(command): rows for command, rows in wanted.items()}
    moved = set(left)
    for key in KEYS:
        if key.text in moved:
            table += left.pop(key.text, [])
        else:
            table.append(key)
    return (*table, *(row for rows in left.values() for row in rows))


def _clash(wanted: Mapping[str, list[Key]]) -> tuple[str, Key, str] | None:
    """The last command whose key another has, that key, and the other command."""
    texts = {_text_of(command): command for command in wanted}
    taken: dict[str, str] = {}
    for key in KEYS:
        if key.text not in texts:
            taken.update(dict.fromkeys(key.keys.split(","), key.text.strip()))
    found = None
    for command, rows in wanted.items():
        for row in rows:
            if row.keys in taken:
                found = command, row, taken[row.keys]
            taken[row.keys] = command
    return found


def _rows(command: str, keys: Sequence[str], owners: Owners) -> list[Key] | tuple[str, str]:
    """A command's rows; or what is wrong with it, and the cure."""
    text = _text_of(command)
    try:
        actions.parse(text.format(unit=Unit.OP) if text.startswith(("step", "back")) else text)
    except CommandError as error:
        return error.problem, error.cure
    usual = next((row for row in KEYS if row.text == text), None)
    rows = []
    for key in keys:
        name = key_name(key)
        if name is None:
            return f"there is no key “{key}”", 'write it as on the keyboard: "n", "N", "/", "space", "f9", "ctrl+n"'
        if name in owners and not (usual and name == usual.keys):
            return f"“{key}” is a key of {owners[name]} for itself", "choose one that ? lists for no pane"
        shown = next((row.shown for row in KEYS if row.keys == name), key.strip() or "space")
        summary, group = (usual.summary, usual.group) if usual else (text.strip(), _OWN)
        rows.append(Key(name, shown, text, summary, group))
    return rows


def _text_of(command: str) -> str:
    """What a key carries out: a row's own text. A command that needs more is begun on the command line."""
    bare = command.strip()
    row = next((row for row in KEYS if row.text.strip() in (bare, f"command {bare}")), None)
    if row is not None:
        return row.text
    spec = next((spec for spec in actions.ALL_COMMANDS if spec.name == bare), None)
    return f"command {bare} " if spec is not None and spec.needs_argument else bare


def key_name(written: str) -> str | None:
    """Textual's name of a key as people write it: "/" is slash, "Esc" escape, "Shift+a" A; None for no key."""
    bare = written.strip() or written[:1]
    if len(bare) == 1:
        return _character(bare)
    *modifiers, last = [*bare[:-1].split("+"), bare[-1]] if bare.endswith("++") else bare.split("+")
    modifiers = [each.lower().strip() for each in modifiers if each]
    if any(each not in _MODIFIERS for each in modifiers) or len(set(modifiers)) != len(modifiers):
        return None
    base = _ALIASES.get(last.lower(), last.lower()) if len(last) != 1 else _character(last)
    if base is None or (len(last) != 1 and base not in _NAMED):
        return None
    if modifiers == ["shift"] and len(base) == 1:
        return base.upper()
    if "ctrl" in modifiers and len(base) == 1:
        base = base.lower()
    return "+".join([*(each for each in _MODIFIERS if each in modifiers), base])


def _character(character: str) -> str | None:
    if character in _ARROWS:
        return _ARROWS[character]
    if character in _ALIASES:
        return _ALIASES[character]
    if not character.isprintable():
        return None
    if character.isalnum():
        return character
    from textual.keys import _character_to_key

    return _character_to_key(character)


def owners() -> dict[str, str]:
    """The keys that panes have for themselves."""
    from textual.binding import Binding

    from nnwalk_tui.panes.kinds import kinds

    found: dict[str, list[str]] = {}
    every = kinds()
    for pane in every:
        for kind in pane.__mro__:
            for binding in vars(kind).get("BINDINGS", ()):
                keys = binding.key if isinstance(binding, Binding) else binding[0]
                for key in keys.split(","):
                    found.setdefault(key, []).append(pane.pane_name)
    shared = {key: list(dict.fromkeys(names)) for key, names in found.items() if key not in _WALKING}
    return {key: _panes(names, len(every)) for key, names in shared.items()}


def _panes(names: list[str], count: int) -> str:
    if len(names) == count:
        return "every pane"
    *others, last = names
    return f"the panes {', '.join(others)} and {last}" if others else f"the pane {last}"


def bind(app: App[None], priority: Sequence[str]) -> None:
    """Give an application the keys in use; those of `priority` go before a focused pane's."""
    from textual.binding import Binding

    for row in actions.key_table():
        made = Binding(row.keys, f"press({row.text!r})", row.summary, show=False, priority=row.keys in priority)
        app._bindings.key_to_bindings[row.keys] = [made]  # Textual has a use of its own for ctrl+c
