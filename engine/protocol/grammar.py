"""How a command is typed: a row names the struct that it means, and the words after its name fill that struct's fields.

A field's type says what it takes: `int` a count, `Unit` a unit, `Word` one word, `Until` what follows the word until,
`list[str]` every word, and `str` all that is left. A field with a default may be left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

import msgspec

from engine.errors import CommandError
from engine.protocol.positions import Unit

UNTIL = "until"
_MOST = 10**9  # that can be counted
Word = Annotated[str, "word"]
Until = Annotated[str, UNTIL]


class Command(msgspec.Struct, frozen=True, tag=True):
    """Base of every command."""


class Looking(Command, frozen=True):
    """Base of the commands that only look: they change nothing, and are answered in the middle of a run."""


class Spec(NamedTuple):
    """A row of the command table."""

    name: str
    usage: str
    summary: str
    parse: Callable[[str], Command]
    needs_argument: bool = False


class _Slot(NamedTuple):
    """A field that words may fill."""

    name: str
    takes: object
    required: bool


class _Row(NamedTuple):
    name: str
    usage: str
    kind: type[Command]
    fixed: dict[str, Any]
    needs: str
    cure: str


def row(
    kind: type[Command], usage: str, summary: str, example: str = "", needs: str = "an argument", **fixed: Any
) -> Spec:
    """A row whose words fill the fields of `kind`, but for those that the name alone fixes.

    Where words are missing, the answer is that the command needs `needs`, and an example or the usage.
    """
    name = usage.split()[0]
    cure = f"for example: {example}" if example else f"use: {usage}"
    made = _Row(name, usage, kind, fixed, needs, cure)
    required = set(kind.__struct_fields__[: len(kind.__struct_fields__) - len(kind.__struct_defaults__)])
    return Spec(name, usage, summary, partial(_read, made), bool(required - set(fixed)))


def too_many(word: str, usage: str) -> CommandError:
    """A word stands where none is read."""
    return CommandError(f"“{word}” is one word too many", f"use: {usage}")


@cache
def _slots(kind: type[Command]) -> tuple[_Slot, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_Slot(field.name, _taken(hints[field.name]), field.required) for field in msgspec.structs.fields(kind))


def _taken(hint: Any) -> object:
    """What a field takes: int, Unit, str, list, "word" or "until"."""
    if hasattr(hint, "__metadata__"):
        return hint.__metadata__[0]
    return int if int in get_args(hint) else list if get_args(hint) == (str,) else hint


def _read(row: _Row, text: str) -> Command:
    values = dict(row.fixed)
    free = [slot for slot in _slots(row.kind) if slot.name not in values]
    for slot in [slot for slot in free if slot.takes == UNTIL]:
        free.remove(slot)
        text, values[slot.name] = _until(text, row.usage)
    _fill(values, free, text.strip(), row)
    return row.kind(**values)


def _fill(values: dict[str, Any], free: list[_Slot], text: str, row: _Row) -> None:
    """Give the words of `text` to the slots, a number to the first that counts: "3 op" reads as well as "op 3"."""
    while text:
        word = text.split()[0]
        if not free:
            raise too_many(word, row.usage)
        counting = [slot for slot in free if slot.takes is int and word.isdecimal()]
        slot = (counting or free)[0]
        free.remove(slot)
        taken = text if slot.takes in (str, list) else word
        values[slot.name] = _value(slot.takes, taken, row.usage)
        text = text[len(taken) :].strip()
    if any(slot.required for slot in free):
        raise CommandError(f"{row.name} needs {row.needs}", row.cure)


def _value(takes: object, text: str, usage: str) -> object:
    if takes is int:
        return _count(text, usage)
    if takes is Unit:
        return _unit(text)
    return text.split() if takes is list else text


def _count(word: str, usage: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= _MOST:
        raise CommandError(f"“{word:.40}” is not a count", f"use a whole number from 1 to {_MOST:,}: {usage}")
    return int(word)


def _unit(word: str) -> Unit:
    singular = word.lower().removesuffix("es") if word.lower() == "batches" else word.lower().removesuffix("s")
    try:
        return Unit(singular)
    except ValueError:
        raise CommandError(f"“{word}” is not a unit", f"units are {', '.join(Unit)}") from None


def _until(text: str, usage: str) -> tuple[str, str]:
    """What stands before and after the word until."""
    head, word, expression = f" {text} ".partition(f" {UNTIL} ")
    if word and not expression.strip():
        raise CommandError("until needs an expression", f"use: {usage}, like until loss < 0.5")
    return head, expression.strip()
