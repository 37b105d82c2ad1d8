"""Training loss per batch, and loss and accuracy of the validation partition, as braille plots."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from engine.views import LossView
from nnwalk_tui import theme
from nnwalk_tui.render.numbers import scientific
from nnwalk_tui.render.text import Line, fit

GUTTER = 7
_LEAST_HEIGHT = 4
_TRAIN, _VALID = 12, 9  # plotext's colours stand for styles
_STYLES = {"12": "forward", "9": "text"}
_PAINT = re.compile(r"\x1b\[([0-9;]*)m")


class Series(NamedTuple):
    """Points to draw, finite ones only."""

    x: list[float]
    y: list[float]


def losses(view: LossView, width: int, height: int) -> list[Line]:
    """The loss: a band from the least to the greatest of each bucket, and the validation loss as marks."""
    train = _band(view)
    valid = _finite([float(x) for x in view.valid_iterations], view.valid_loss)
    top = max([*train.y, *valid.y], default=1.0)
    bottom = min([0.0, *train.y, *valid.y])
    return _plot(train, valid, (bottom, _round_up(top)), max(1, view.iterations), width, height)


def accuracies(view: LossView, width: int, height: int) -> list[Line]:
    """The validation accuracy, 0…1."""
    valid = _finite([float(x) for x in view.valid_iterations], view.valid_accuracy)
    return _plot(valid, valid, (0.0, 1.0), max(1, view.iterations), width, height)


def _band(view: LossView) -> Series:
    x: list[float] = []
    y: list[float] = []
    for at, low, high in zip(view.train.x, view.train.low, view.train.high, strict=False):
        if math.isfinite(low) and math.isfinite(high):
            x += [at, at] if low != high else [at]
            y += [low, high] if low != high else [low]
    return Series(x, y)


def _finite(x: list[float], y: list[float]) -> Series:
    pairs = [(at, value) for at, value in zip(x, y, strict=False) if math.isfinite(value)]
    return Series([at for at, _ in pairs], [value for _, value in pairs])


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7 times a power of ten, so that the axis seldom moves."""
    if value <= 0:
        return 1.0
    base = 10.0 ** math.floor(math.log10(value))
    return next((base * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 7) if value <= base * step), base * 10)


def _plot(line: Series, points: Series, span: tuple[float, float], end: int, width: int, height: int) -> list[Line]:
    if height < _LEAST_HEIGHT or width < GUTTER + 10:
        return [[(fit(f" {line.y[-1]:.4f}" if line.y else " ·", width), "text")]]
    import plotext  # not before there is something to plot: the first screen need not wait for it

    marker = "*" if theme.ascii_only() else "braille"
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.theme("clear")
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    plotext.xlim(0, end)
    plotext.ylim(*span)
    middle = sum(span) / 2
    plotext.yticks([span[0], middle, span[1]], [_tick(value) for value in (span[0], middle, span[1])])
    plotext.xticks([0, end / 2, end], ["0", f"{end / 2:.0f}", f"{end}"])
    plotext.scatter([0.0], [span[0]], marker=" ")  # without a point there would be no axes
    if line.x:
        plotext.plot(line.x, line.y, marker=marker, color=_TRAIN)
    if points.x:
        plotext.scatter(points.x, points.y, marker="o" if theme.ascii_only() else "●", color=_VALID)
    return [_painted(text) for text in plotext.build().split("\n")[:height]]


def _tick(value: float) -> str:
    text = f"{value:.3g}"
    return (text if len(text) <= GUTTER and "e" not in text else scientific(value)).rjust(GUTTER)


def _painted(text: str) -> Line:
    """A line with plotext's colours as style names."""
    line: Line = []
    style = "quiet"
    for at, part in enumerate(_PAINT.split(text)):
        if at % 2:
            style = _STYLES.get(part.rpartition(";")[2], "quiet")
        elif part:
            line.append((part, style))
    return line
