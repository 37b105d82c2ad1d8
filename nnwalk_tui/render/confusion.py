"""A confusion matrix: rows are labels, columns predictions."""

from __future__ import annotations

from engine.views import Confusion
from nnwalk_tui import theme
from nnwalk_tui.render.numbers import percent
from nnwalk_tui.render.text import Line, Span, fit

_NAME = 8  # cells of a class's name at most


def heading(view: Confusion) -> list[Line]:
    """Of what it is, and the predictions."""
    cell, name = _widths(view)
    columns = "".join(fit(each, cell, ">") for each in view.classes)
    axes = "rows: labels, columns: taken for" if theme.ascii_only() else "label ↓ taken for →"
    return [[(f" {view.of}: {axes}", "quiet")], [(" " * (name + 2) + columns + "   right", "quiet")]]


def rows(view: Confusion) -> list[Line]:
    """A line for each label: right ones on the diagonal, and their share."""
    cell, name = _widths(view)
    lines: list[Line] = []
    for at, counts in enumerate(view.counts):
        cells = [_cell(count, cell, at == column) for column, count in enumerate(counts)]
        share = counts[at] / sum(counts) if sum(counts) else None
        lines.append([(f" {fit(view.classes[at], name, '>')} ", "quiet"), *cells, (f"   {percent(share)}", "text")])
    return lines


def _widths(view: Confusion) -> tuple[int, int]:
    largest = max(max(row) for row in view.counts)
    name = min(_NAME, max(map(len, view.classes)))
    return max(len(str(largest)) + 3, min(name + 1, _NAME)), name


def _cell(count: int, width: int, right: bool) -> Span:
    """Right ones are between brackets, so that they differ by sign, too."""
    if right:
        return fit(f"[{count}]", width, ">"), "right"
    return (fit("·", width - 1, ">") + " ", "quiet") if not count else (fit(str(count), width - 1, ">") + " ", "wrong")
