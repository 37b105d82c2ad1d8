"""A lesson's plot: curves that are told apart without colour, over axes with round numbers."""

from __future__ import annotations

import math
import re
from itertools import pairwise

from engine.course.findings import Plot, Series, minus
from nnwalk_tui.colours import theme
from nnwalk_tui.render.indices import indexed
from nnwalk_tui.render.spelled import spelled
from nnwalk_tui.render.text import Line, measure

HEIGHT = 13
WIDEST = 76
_STYLES = ("forward", "backward", "here", "right", "text", "negative")
_COLOURS = (12, 9, 11, 10, 15, 13)  # plotext's, standing for these styles
_PAINT = re.compile(r"\x1b\[([0-9;]*)m")
_DOTS = 800  # that a line is drawn from
_DASH = 26  # of them, about two cells, and as many left out
_LABELS = 4  # numbers that stand on each of many curves
_TICKS = (9, 7)  # at most, across and up

Points = list[tuple[float, float]]


def plot_lines(plot: Plot, width: int, height: int = HEIGHT) -> list[Line]:
    """Curves with a legend: one plain, the second dashed; more than two carry their numbers, points a mark."""
    import plotext

    curves = [(series, _points(series, plot.logarithmic)) for series in plot.series]
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(min(width, WIDEST), height)
    plotext.theme("clear")
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    _set_ticks(plotext, [point for _, points in curves for point in points], plot.logarithmic)
    signs = _signs(plot.series)
    drawn = [
        (at, series.marks, points, sign)
        for at, ((series, points), sign) in enumerate(zip(curves, signs, strict=True))
        if points
    ]
    for at, marks, points, sign in drawn:
        if not marks:
            _draw(plotext, _line(points, dashed=sign == _DASHED), _dot(sign), at)
    for at, marks, points, sign in drawn:  # on top of every line
        if marks or sign.isdecimal():
            _draw(plotext, points if marks else _spread(points, at), sign, at)
    rows: list[Line] = [_painted(text) for text in plotext.build().split("\n")[:height]]
    return rows + _legend(plot, signs, min(width, WIDEST))


_PLAIN, _DASHED = "──", "╌╌"


def _signs(series: list[Series]) -> list[str]:
    """What stands for each curve in the legend, and on it; points that are called by one character, that."""
    many = sum(not each.marks for each in series) > 2 or theme.ascii_only()
    signs, lines = [], 0
    for at, each in enumerate(series):
        point = each.name if len(each.name) == 1 else "o" if theme.ascii_only() else "●"
        signs.append(point if each.marks else str(at + 1) if many else (_PLAIN, _DASHED)[lines])
        lines += not each.marks
    return signs


def _dot(sign: str) -> str:
    """What a line is drawn with: without Unicode its own number."""
    return sign if theme.ascii_only() else "braille"


def _points(series: Series, logarithmic: bool) -> Points:
    """The finite points; where asked for, with the logarithms of what is above 0."""
    points = [(x, y) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(x) and math.isfinite(y)]
    return [(x, math.log10(y)) for x, y in points if y > 0] if logarithmic else points


def _draw(plotext: object, points: Points, marker: str, at: int) -> None:
    colour = _COLOURS[at % len(_COLOURS)]
    plotext.scatter([x for x, _ in points], [y for _, y in points], marker=marker, color=colour)  # type: ignore[attr-defined]


def _line(points: Points, *, dashed: bool) -> Points:
    """Dots along straight pieces between the points, evenly spread over their length on screen."""
    width, height = (max(values) - min(values) or 1 for values in zip(*points, strict=True))
    lengths = [
        math.hypot((x1 - x0) / width * 4, (y1 - y0) / height)  # a plot is about four times as wide as it is high
        for (x0, y0), (x1, y1) in pairwise(points)
    ]
    every = (sum(lengths) or 1) / _DOTS
    dots, gone = [], 0.0
    for length, ((x0, y0), (x1, y1)) in zip(lengths, pairwise(points), strict=True):
        for k in range(math.ceil(length / every)):
            share = k * every / length
            if not dashed or int((gone + share * length) / every / _DASH) % 2 == 0:
                dots.append((x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
        gone += length
    return [*dots, points[-1]] if not dashed else dots or points


def _spread(points: Points, at: int) -> Points:
    """A few places of a curve for its number, others than its neighbours'."""
    dense = _line(points, dashed=False)
    step = len(dense) / _LABELS
    return [dense[min(len(dense) - 1, int(step * (k + (at + 1) / 7)))] for k in range(_LABELS)] if step >= 1 else points


def _set_ticks(plotext: object, points: Points, logarithmic: bool) -> None:
    if not points:
        return
    across, up = ((min(values), max(values)) for values in zip(*points, strict=True))
    ticks = round_ticks(*across, _TICKS[0])
    plotext.xticks(ticks, [minus(f"{tick:g}") for tick in ticks])  # type: ignore[attr-defined]
    labels = log_ticks(*up, _TICKS[1]) if logarithmic else round_ticks(*up, _TICKS[1])
    ticks = [math.log10(label) for label in labels] if logarithmic else labels
    plotext.yticks(ticks, [minus(f"{label:g}") for label in labels])  # type: ignore[attr-defined]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round numbers whose logarithms lie from `low` to `high`: 1, 2, 5, or only powers of ten."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        inside = [tick for tick in ticks if low - 1e-9 <= math.log10(tick) <= high + 1e-9]
        if len(inside) <= most:
            return inside
    return inside[:: math.ceil(len(inside) / most)]


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round numbers from `low` to `high`, evenly apart."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if span / (power * factor) <= most - 1)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _legend(plot: Plot, signs: list[str], width: int) -> list[Line]:
    """What stands for which curve, and the axes; in as many rows as it takes."""
    entries: Line = [
        (f"{sign} {spelled(indexed(series.name))}", _STYLES[at % len(_STYLES)])
        for at, (series, sign) in enumerate(zip(plot.series, signs, strict=True))
        if sign != series.name
    ]
    if plot.x_label:
        across, up = spelled(indexed(plot.x_label)), spelled(indexed(plot.y_label))
        up += " log scale" if plot.logarithmic else ""
        entries.append((f"→ {across}" + (f"  ↑ {up.strip()}" if up else ""), "quiet"))
    lines: list[Line] = [[]]
    for entry in entries:
        if lines[-1] and measure(lines[-1]) + measure([entry]) + 3 > width:
            lines.append([])
        if lines[-1]:
            lines[-1].append(("   ", "blank"))
        lines[-1].append(entry)
    return lines


def _painted(text: str) -> Line:
    names = {str(colour): name for colour, name in zip(_COLOURS, _STYLES, strict=True)}
    line: Line = []
    style = "quiet"
    for at, part in enumerate(_PAINT.split(text)):
        if at % 2:
            style = names.get(part.rpartition(";")[2], "quiet")
        elif part:
            line.append((part, style))
    return line
