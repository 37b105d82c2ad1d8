"""Predictions against targets: the nearer to the diagonal, the better."""

from __future__ import annotations

from engine.protocol.views import Scatter
from nnwalk_tui.render.canvas import ACROSS, DOWN, Canvas, cell
from nnwalk_tui.render.numbers import number
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit

_GUTTER = 9  # cells of a number beside the plot
_LATER = " predictions come with the model's output"
_AXES = 2  # lines below it
LEAST = _GUTTER + 16  # cells that it needs, and lines
_LEAST_LINES = 5


def scatter(view: Scatter, picked: int, width: int, height: int) -> list[Line]:
    """Each output's prediction, upwards, over its target, on one scale; ◉ those of the picked row of the batch."""
    if not view.predictions:
        return [[(f" {_left_out(view)}", "warning") if view.bad else (_LATER, "quiet")]]
    if width < LEAST or height < _LEAST_LINES:
        return [[(fit(" no room for the plot: z", width), "quiet")]]
    low, high = _span(view)
    canvas = Canvas(width - _GUTTER - 1, height - _AXES)
    right, bottom = canvas.width * ACROSS - 1, canvas.height * DOWN - 1
    canvas.line((0, bottom), (right, 0), "quiet", ".", gap=3)
    chosen = []
    for target, prediction, row in zip(view.targets, view.predictions, view.rows, strict=True):
        at = (target - low) / (high - low) * right, (high - prediction) / (high - low) * bottom
        canvas.dot(*at, "forward")
        chosen += [at] if row == picked else []
    for at in chosen:
        canvas.put(*cell(*at), "◉", "here")
    ends = number(low, _GUTTER - 1), number(high, _GUTTER - 1)
    lines = canvas.lines()
    labels = {0: ends[1], canvas.height - 1: ends[0], canvas.height // 2: "predicted" if canvas.height > 2 else ""}
    plot: list[Line] = [
        [(fit(labels.get(at, ""), _GUTTER, ">") + "│", "quiet"), *line] for at, line in enumerate(lines)
    ]
    return [*plot, [(" " * _GUTTER + "└" + "─" * canvas.width, "quiet")], _below(view, ends, canvas.width)]


def _span(view: Scatter) -> tuple[float, float]:
    values = (*view.targets, *view.predictions)
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _below(view: Scatter, ends: tuple[str, str], cells: int) -> Line:
    """The ends of the axis, and between them what it is, and of how many outputs."""
    low, high = (end.strip() for end in ends)
    room = cells - len(low) - len(high) - 2
    shown = len(view.targets) + view.bad
    many = f"{shown} of {view.total}" if shown < view.total else f"{view.total}"
    forms = [f"target · {many} outputs" + (f" · {_left_out(view)}" if view.bad else ""), f"target · {many}", "target"]
    words = next((form for form in forms if len(form) <= room), "")
    return [(drawn(f"{' ' * (_GUTTER + 1)}{low} {fit(words, max(0, room), '^')} {high}"), "quiet")]


def _left_out(view: Scatter) -> str:
    return f"{view.bad} NaN or inf"
