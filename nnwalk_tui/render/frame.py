"""The border of a pane: its title, a short status, and how much there is beyond what is seen."""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import cell_len

from nnwalk_tui.colours import theme
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit_line

LEAST_WIDTH, LEAST_HEIGHT = 4, 3
_PART = " · "
_KEY = re.compile(r"[a-z](?= )")  # "v layers": the key, and what it now shows


class Frame(NamedTuple):
    """What a border says."""

    title: str
    status: str = ""  # parts with " · " between; one that begins with a single letter names a key
    above: int = 0  # lines hidden above
    below: int = 0
    focused: bool = False
    left: int = 0  # columns hidden at the left
    right: int = 0


def inner(width: int, height: int) -> tuple[int, int]:
    """The room inside a border; all of it where there is no room for one."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return width, height
    return width - 2, height - 2


def framed(frame: Frame, content: list[Line], width: int, height: int) -> list[Line]:
    """The content in its border: exactly `height` lines of `width` cells."""
    room, rows = inner(width, height)
    lines = [fit_line(line, room) for line in content[:rows]]
    lines += [fit_line([], room) for _ in range(rows - len(lines))]
    if room == width:
        return lines
    edge = "here" if frame.focused else "border"
    body: list[Line] = [[("│", edge), *line, ("│", edge)] for line in lines]
    return [_top(frame, width, edge), *body, _bottom(frame, width, edge)]


def _top(frame: Frame, width: int, edge: str) -> Line:
    mark = "▶ " if frame.focused else ""
    title = f" {mark}{frame.title} "
    if cell_len(title) > width - 3:
        return [("╭" + "─" * (width - 2) + "╮", edge)]
    status = _fitting(_PART.join(map(drawn, frame.status.split(_PART))), width - 7 - cell_len(title))
    gap = width - 6 - cell_len(title) - cell_len(status) if status else width - 3 - cell_len(title)
    tail: Line = [*_with_keys(f" {status} "), ("─╮", edge)] if status else [("╮", edge)]
    return [("╭─", edge), (title, "here" if frame.focused else "title"), ("─" * gap, edge), *tail]


def _fitting(status: str, room: int) -> str:
    """The status in at most `room` cells: of its parts the last goes first, but after those that name no key."""
    parts = [part for part in status.split(_PART) if part]
    while parts and cell_len(_PART.join(parts)) > room:
        parts.pop(max(range(len(parts)), key=lambda at: (_KEY.match(parts[at]) is None, at)))
    return _PART.join(parts)


def _with_keys(status: str) -> Line:
    """The status, its keys as bright as in the footer."""
    line: Line = []
    for at, part in enumerate(status.strip().split(_PART)):
        before = _PART if at else " "
        key = 1 if _KEY.match(part) else 0
        line += [(before, "quiet"), (part[:key], "title"), (part[key:], "quiet")]
    return [*line, (" ", "quiet")]


def beyond(above: int, below: int, left: int = 0, right: int = 0) -> list[str]:
    """How much there is beyond what is seen, on each side; in ASCII in words, where ▼ would read as the key v."""
    counts = (left, right, above, below)
    if theme.ascii_only():
        sides = ("left", "right", "above", "below")
        return [f"{count} more {side}" for count, side in zip(counts, sides, strict=True) if count]
    return [f"{sign} {count} more" for sign, count in zip("◀▶▲▼", counts, strict=True) if count]


def _bottom(frame: Frame, width: int, edge: str) -> Line:
    marks = beyond(frame.above, frame.below, frame.left, frame.right)
    text = f" {'  '.join(marks)} " if marks else ""
    if cell_len(text) > width - 4:  # signs, or sides, alone say what they can
        text = f" {' '.join(mark.replace(' more', '') for mark in marks)} "
    gap = width - 3 - cell_len(text)
    if not marks or gap < 1:
        return [("╰" + "─" * (width - 2) + "╯", edge)]
    return [("╰" + "─" * gap, edge), (text, "quiet"), ("─╯", edge)]
