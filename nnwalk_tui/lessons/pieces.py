"""Text with `{calls}` in it: what the engine is to compute, part of a value, and how a number is written."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.course.findings import minus, number_text
from engine.course.requests import parse_request
from engine.errors import EngineError
from engine.protocol.command_table import parse as parse_command
from nnwalk_tui.lessons.document import Call

_STYLE = re.compile(r"%\d?|pp\d?|\d|shape")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class LineError(Exception):
    """What is wrong in a line of a lesson file."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def pieces_of(text: str, line: int) -> tuple[str | Call, ...]:
    """Text and calls in order; `{{` is a brace. Raises LineError."""
    pieces: list[str | Call] = []
    end = 0
    plain = ""
    for match in _BRACES.finditer(text):
        plain += text[end : match.start()]
        end = match.end()
        whole = match.group()
        if whole in ("{{", "}}"):
            plain += whole[0]
        elif whole in "{}":
            raise LineError(line, f"a brace “{whole}” stands alone; a brace that is meant is written twice")
        else:
            if plain:
                pieces.append(plain)
                plain = ""
            pieces.append(call_of(match.group(1), line))
    plain += text[end:]
    return tuple([*pieces, plain] if plain else pieces)


def call_of(text: str, line: int) -> Call:
    """`similarity.accuracy distance=squared .right :3`, or `print loss :3`. Raises LineError."""
    words = text.split()
    part = style = ""
    if words and words[-1].startswith(":"):
        style = words.pop()[1:]
        if not _STYLE.fullmatch(style):
            ways = ":2 (decimals), :% (percent), :pp (percentage points) or :shape"
            raise LineError(line, f"“:{style}” is no way to write a number; use {ways}")
    if words and words[-1].startswith("."):
        part = words.pop()[1:]
    if not words:
        raise LineError(line, "“{}” asks for nothing; name a computation, like {similarity.accuracy .right}")
    rest = " ".join(words)
    try:
        if words[0] == "print":
            parse_command(rest)
            return Call(line, rest, part, style)
        parse_request(rest)
    except EngineError as error:
        raise LineError(line, str(error)) from None
    return Call(line, f"compute {rest}", part, style)


def arguments_of(call: Call) -> dict[str, object]:
    """What a computation is told, by name; the file that its data is from is not the reader's to change here."""
    request = parse_request(call.command.removeprefix("compute "))
    return {key: value for key, value in request.arguments.items() if key != "source"}


def changed(command: str, words: str) -> str:
    """A computation with other arguments. Raises CommandError for a value that does not do."""
    name, *own = command.removeprefix("compute ").split()
    merged = dict(word.partition("=")[::2] for word in (*own, *words.split()))
    request = " ".join([name, *(f"{key}={value}" for key, value in merged.items())])
    parse_request(request)
    return f"compute {request}"


def part_of(value: object, part: str) -> object:
    """A named part of a value, "loss.4" being the fourth of a list under "loss".

    Raises KeyError naming what there is, where there is no such part.
    """
    for name in part.split(".") if part else ():
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and 1 <= int(name) <= len(value):
            value = value[int(name) - 1]
        else:
            known = ", ".join(value) if isinstance(value, dict) else f"{type(value).__name__}"
            raise KeyError(f"there is no part “{name}”; there is {known}")
    return value


def written(value: object, style: str) -> str:
    """A value as text, in the style of its call. Raises KeyError for one that has parts, none of which is named."""
    if isinstance(value, dict):
        raise KeyError(f"a text cannot hold all parts; name one: {', '.join(value)}")
    if style == "shape" and isinstance(value, list):
        return " × ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(written(item, style) for item in value)
    return minus(_number(value, style))


def _number(value: object, style: str) -> str:
    if isinstance(value, int | float) and style.startswith("%"):
        return f"{100 * value:.{style[1:] or 2}f} %"
    if isinstance(value, int | float) and style.startswith("pp"):  # a difference of two shares
        return f"{100 * value:.{style[2:] or 2}f} percentage points"
    if isinstance(value, int | float) and style.isdecimal():
        return f"{value:.{style}f}"
    return number_text(value)


def text_of(pieces: tuple[str | Call, ...], resolve: Callable[[Call], object]) -> str:
    """Pieces as one text."""
    return "".join(piece if isinstance(piece, str) else written(resolve(piece), piece.style) for piece in pieces)
