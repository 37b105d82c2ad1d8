"""`NAME KEY=VALUE …` → a row of the catalogue and its arguments, checked without torch."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from engine.course.catalogue import CATALOGUE, Computation, Value
from engine.errors import CommandError


class Request(NamedTuple):
    """A computation that was asked for, with all of its arguments."""

    row: Computation
    arguments: dict[str, Value]


def parse_request(text: str) -> Request:
    """What a line asks for. Raises CommandError naming the word that is wrong and what it could have been."""
    words = text.split()
    if not words:
        raise CommandError("compute needs a name", f"there are {', '.join(CATALOGUE)}")
    row = CATALOGUE.get(words[0])
    if row is None:
        raise CommandError(f"there is no computation “{words[0]}”", _near(words[0], list(CATALOGUE)))
    arguments = dict(row.defaults)
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if key not in arguments:
            raise CommandError(f"{row.name} takes no “{key}”", f"it takes {', '.join(row.defaults) or 'nothing'}")
        if not equals or not value:
            raise CommandError(f"{row.name}: {key} has no value", f"write {key}={row.defaults[key]}")
        arguments[key] = _converted(row, key, value)
    return Request(row, arguments)


def _converted(row: Computation, key: str, value: str) -> Value:
    default, choices = row.defaults[key], row.choices.get(key)
    if choices and value not in choices:
        raise CommandError(f"{row.name}: there is no {key} “{value}”", f"use one of {', '.join(choices)}")
    if isinstance(default, str):
        return value
    try:
        number = type(default)(value)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise CommandError(f"{row.name}: {key}={value} is not {kind}", f"write for example {key}={default}") from None
    low, high = row.limits.get(key, (-1e9, 1e9))
    if not low <= number <= high:
        raise CommandError(f"{row.name}: {key}={value} is out of range", f"use {low:g} to {high:g}")
    return number


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
