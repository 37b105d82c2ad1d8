"""The border of a pane: its title, a short status, and how much there is beyond what is seen."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len

from nnwalk_tui.render.text import Line, fit_line

LEAST_WIDTH, LEAST_HEIGHT = 4, 3


class Frame(NamedTuple):
    """What a border says."""

    title: str
    status: str = ""
    above: int = 0  # lines hidden above
    below: int = 0
    focused: bool = False


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
    title, status = f" {mark}{frame.title} ", f" {frame.status} "
    if cell_len(title) > width - 3:
        return [("╭" + "─" * (width - 2) + "╮", edge)]
    gap = width - 4 - cell_len(title) - cell_len(status)
    if not frame.status or gap < 1:
        status, gap = "", width - 3 - cell_len(title)
    tail: Line = [(status, "quiet"), ("─╮", edge)] if status else [("╮", edge)]
    return [("╭─", edge), (title, "here" if frame.focused else "title"), ("─" * gap, edge), *tail]


def _bottom(frame: Frame, width: int, edge: str) -> Line:
    marks = [f"{sign} {count} more" for sign, count in (("▲", frame.above), ("▼", frame.below)) if count]
    text = f" {'  '.join(marks)} " if marks else ""
    gap = width - 3 - cell_len(text)
    if not marks or gap < 1:
        return [("╰" + "─" * (width - 2) + "╯", edge)]
    return [("╰" + "─" * gap, edge), (text, "quiet"), ("─╯", edge)]
