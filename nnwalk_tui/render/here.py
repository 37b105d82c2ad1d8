"""What the cursor's event does: its rule with shapes under the factors, the other direction, and one value."""

from __future__ import annotations

from rich.cells import cell_len

from engine.views import Here, Term
from nnwalk_tui.render.text import Line, ends

_TIGHT_AFTER = ("(", "[", "{")
_TIGHT_BEFORE = (")", "]", "}", ",")


def here(view: Here, width: int) -> list[Line]:
    """The lines, at most `width` cells each."""
    room = width - 2
    style = {"backward": "backward", "update": "text"}.get(view.phase, "forward")
    count = f"event {view.number:>{len(str(view.total))}} of {view.total} "
    lines: list[Line] = [ends([(f" {view.title}", style)], [(count, "quiet")], width)]
    lines += _rule(view.rule, room, "title")
    if view.other:
        lines += _other(view, room)
    lines += [[(" " + part, "text")] for text in view.numbers for part in wrap(text, room)]
    return lines


def _other(view: Here, room: int) -> list[Line]:
    title = f"{view.other_title}  "
    lines = _rule(view.other, room - len(title), "text")
    lines[0] = [(f" {title}", "quiet"), *_stripped(lines[0])]
    return [lines[0], *[[(" " * len(title), "text"), *line] for line in lines[1:]]]


def _stripped(line: Line) -> Line:
    return [(line[0][0][1:], line[0][1]), *line[1:]]


def _rule(terms: list[Term], room: int, style: str) -> list[Line]:
    """The terms, each with its shape centred below; wrapped between terms where they are too long for a line."""
    lines: list[Line] = []
    for start, end in _breaks(terms, room):
        text, sizes = _typeset(terms[start:end])
        indent = " " if start == 0 else "   "
        lines.append([(indent + text, style)])
        if sizes:
            lines.append([(indent + sizes, "quiet")])
    return lines


def _breaks(terms: list[Term], room: int) -> list[tuple[int, int]]:
    spans, start = [], 0
    for end in range(1, len(terms) + 1):
        if end - start > 1 and cell_len(_typeset(terms[start:end])[0]) > room:
            spans.append((start, end - 1))
            start = end - 1
            room -= 2 if len(spans) == 1 else 0
    return [*spans, (start, len(terms))]


def _typeset(terms: list[Term]) -> tuple[str, str]:
    """The terms in a line, and their shapes in the one below; terms part where shapes would touch."""
    text = sizes = ""
    for term in terms:
        word = term.text.strip()
        tight = not text or text.endswith(_TIGHT_AFTER) or word.startswith(_TIGHT_BEFORE)
        text += "" if tight else " "
        if term.shape:
            middle = (cell_len(word) - cell_len(term.shape)) // 2
            if sizes:
                text += " " * (cell_len(sizes) + 1 - cell_len(text) - middle)
            sizes += " " * (cell_len(text) + middle - cell_len(sizes)) + term.shape
        text += word
    return text, sizes


def wrap(text: str, room: int) -> list[str]:
    """The text in lines of at most `room` cells, broken at blanks, later lines indented."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and cell_len(line) + 1 + cell_len(word) > room:
            lines.append(line)
            line = "  " + word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
