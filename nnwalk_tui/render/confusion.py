"""A confusion matrix: rows are labels, columns predictions."""

from __future__ import annotations

from typing import NamedTuple

from engine.protocol.views import Confusion
from nnwalk_tui.colours import theme
from nnwalk_tui.render.numbers import percent
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, Span, fit, told_apart

_NAME = 8  # cells of a class's name at most
_RIGHT = "  right"
_MORE = 5  # cells of the column that stands for those that there is no room for


class Columns(NamedTuple):
    """How the width is shared."""

    name: int  # cells of a label
    cell: int  # cells of a prediction
    shown: int  # predictions that there is room for
    more: int  # and those that there is none for


def columns(view: Confusion, width: int) -> Columns:
    """Cells with a blank between them, or, where that does not fit, closer; then as many as there is room for."""
    largest = len(str(max(max(row) for row in view.counts)))
    name = min(_NAME, max(map(len, view.classes)))
    room, many = width - (name + 2) - len(_RIGHT), len(view.classes)
    wide, close = max(largest + 3, min(name + 1, _NAME)), largest + 2  # two brackets
    cell = max(close, min(wide, room // many))
    shown = many if cell * many <= room else max(1, (room - _MORE) // cell)
    return Columns(name, cell, shown, many - shown)


def heading(view: Confusion, width: int) -> list[Line]:
    """Of what it is, and the predictions."""
    where = columns(view, width)
    short = told_apart(view.classes, where.cell - 1)
    titles = "".join(" " + fit(short[each], where.cell - 1, ">") for each in view.classes[: where.shown])
    more = fit(f"+{where.more}", _MORE, ">") if where.more else ""
    axes = "rows: labels, columns: taken for" if theme.ascii_only() else "label ↓ taken for →"
    return [
        [(f" {view.of}: {axes}", "quiet")],
        [(" " * (where.name + 2) + titles + more + _RIGHT, "quiet")],
    ]


def rows(view: Confusion, width: int) -> list[Line]:
    """A line for each label: right ones on the diagonal, and their share."""
    where = columns(view, width)
    more: Line = [(fit(drawn("…"), _MORE, ">"), "quiet")] if where.more else []
    names = told_apart(view.classes, where.name)
    lines: list[Line] = []
    for at, counts in enumerate(view.counts):
        cells = [_cell(count, where.cell, at == column) for column, count in enumerate(counts[: where.shown])]
        share = counts[at] / sum(counts) if sum(counts) else None
        name: Span = (f" {fit(names[view.classes[at]], where.name, '>')} ", "quiet")
        lines.append([name, *cells, *more, (f"   {percent(share)}", "text")])
    return lines


def _cell(count: int, width: int, right: bool) -> Span:
    """Right ones are between brackets, so that they differ by sign, too."""
    if right:
        return fit(f"[{count}]", width, ">"), "right"
    return (fit("·", width - 1, ">") + " ", "quiet") if not count else (fit(str(count), width - 1, ">") + " ", "wrong")
