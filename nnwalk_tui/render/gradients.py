"""Gradient norms as bars on one logarithmic scale, beside the update ratio of each parameter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engine.protocol.views import Gradient
from nnwalk_tui.colours import theme
from nnwalk_tui.render.numbers import is_bad, missing, number, power, scientific
from nnwalk_tui.render.spark import seen, sparkline
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit, told_apart, wrap

_VALUE, _RATIO = 8, 11  # a norm is " 0.0311", or "↓ 0.0311"; a ratio is "5·10⁻² ▲"
_LEAST_BAR, _LEAST_HISTORY, MOST_HISTORY = 14, 6, 24
_SMALLEST, _WORDED = (
    "least",
    24,
)  # a word beside the smallest norm, and the cells of bars from which there is room for it
_LABEL = 6  # cells of a decade's label and a blank
_SLACK = 2  # decades that stay empty before the scale shrinks
_LEAST, _MOST = 3, 16  # decades on the axis
GUIDE = 1e-3  # the usual ‖Δ‖/‖θ‖ of an update (Karpathy, cs231n, "Neural Networks Part 3")
_FAR = 10  # times the guide, or its part, from which a ratio is marked

_BRIEF = {"θ was 0": "– θ = 0", "it is in no optimizer": "no optim", "it is frozen": "frozen"}

MODES = ("dW db", "dW", "db", "dZ")


class Scale(NamedTuple):
    """Powers of ten at the two ends of the axis."""

    low: int
    high: int


class Columns(NamedTuple):
    """Widths; 0 for a column that there is no room for."""

    label: int
    bar: int  # whole cells a decade, so that they are evenly spaced
    history: int
    ratio: int
    gap: int = 1  # cells after the bars; in the first stands the line of the last decade
    called: Mapping[str, str] = {}  # names as they are cut, so that they can be told apart


def scale(span: tuple[float, float] | None, before: Scale | None) -> Scale:
    """Whole decades around all norms; it grows at once and shrinks only when two decades and more are empty."""
    if span is None:
        return before or Scale(-4, 0)
    low, high = math.floor(math.log10(span[0])), math.ceil(math.log10(span[1]))
    if before:
        low = before.low if 0 <= low - before.low <= _SLACK else low
        high = before.high if 0 <= before.high - high <= _SLACK else high
    else:
        low, high = low - 1, high + 1  # some room, so that the next batches stay within
    return Scale(min(max(low, high - _MOST), high - _LEAST), high)


def columns(longest: str, width: int, across: Scale) -> Columns:
    """How the width is shared: names, of which none is longer, bars, norms, their history, ratios."""
    label = min(len(f"d{longest}") if longest else 5, 24, max(5, width // 3))
    room = width - label - _VALUE - 4
    ratio = _RATIO if room - _RATIO >= _LEAST_BAR else 0
    room -= ratio
    spare = room - _LEAST_BAR - 1
    history = min(MOST_HISTORY, max(_LEAST_HISTORY, spare // 3)) if spare >= _LEAST_HISTORY else 0
    bars = max(1, room - (history and history + 1))
    decades = across.high - across.low
    beside = len(_SMALLEST) if bars >= _WORDED else 1  # cells after the bars, at least
    whole = (bars + 1 - beside) // decades * decades or bars
    return Columns(label, whole, history, ratio, bars - whole + 1)


def named(where: Columns, rows: Iterable[Gradient]) -> Columns:
    """The same with names that are told apart where they are cut."""
    return where._replace(called=told_apart((f"d{row.name}" for row in rows), where.label))


def smallest_sign(where: Columns) -> str:
    """What stands beside the smallest norm: a word, or a sign where there is no room for one."""
    if where.gap >= len(_SMALLEST):
        return _SMALLEST
    return "m" if theme.ascii_only() else "↓"


def gaps(rows: list[Gradient], spare: int) -> set[int]:
    """The rows that a blank line stands before: the first, then those that begin a layer, if there is room for all."""
    begins = {at for at in range(1, len(rows)) if rows[at].layer != rows[at - 1].layer}
    if len(begins) >= spare or len(begins) == len(rows) - 1:
        begins = set()
    return {0, *begins} if spare > 0 else set()


def axis(where: Columns, across: Scale, looked_at: int = 0, batches: int = 0) -> Line:
    """The decades that can be told apart, each centred on the line that goes down from it."""
    start = where.label + 2
    cells = list(fit(" log", start + where.bar + where.gap + 2))
    for decade, at in _ticks(where, across):
        label = power(decade)
        left = start + at - len(label) // 2
        if "".join(cells[left - 1 : left + len(label)]).isspace():
            cells[left : left + len(label)] = label
    titles = fit(drawn("‖∂‖"), _VALUE - 2, ">")
    titles += " " + fit(seen(looked_at, batches, where.history), where.history, ">") if where.history else ""
    titles += fit(drawn("‖Δ‖/‖θ‖"), where.ratio - 2, ">") if where.ratio else ""
    return [("".join(cells[: start + where.bar + where.gap + 2]) + titles, "quiet")]


def _ticks(where: Columns, across: Scale) -> list[tuple[int, int]]:
    """The decades that are labelled, and the cell at whose left border each stands."""
    decades = across.high - across.low
    each = max(1, math.ceil(_LABEL * decades / where.bar))
    return [
        (decade, (decade - across.low) * where.bar // decades) for decade in range(across.low, across.high + 1, each)
    ]


def between(where: Columns, across: Scale) -> Line:
    """A blank line of the plot: the decades' lines alone."""
    return [(" " * (where.label + 2), "quiet"), *_plot("", "quiet", where, across)]


def _plot(text: str, style: str, where: Columns, across: Scale) -> Line:
    """A bar, and the decades' lines that it does not cover."""
    lines = {at for _, at in _ticks(where, across)}
    sign = "┊" if theme.ascii_only() else "▏"
    rest = "".join(sign if at in lines else " " for at in range(len(text), where.bar + 1))
    return [(text, style), (rest.ljust(where.bar + where.gap - len(text)), "border")]


def row(gradient: Gradient, where: Columns, across: Scale, chosen: bool = False, least: bool = False) -> Line:
    """One gradient; `chosen`: its distribution can be seen; `least`: it is the smallest."""
    norm = gradient.norm
    name = f"d{gradient.name}"
    name = fit(where.called.get(name, name), where.label)
    carried = "+" if gradient.carried else " "
    line: Line = [("›" if chosen else " ", "here"), (name + carried, "quiet" if norm is None else "text")]
    sign = f" {smallest_sign(where)}" if least else " "  # no line of a decade touches it
    if is_bad(norm):
        line.append((fit(number(norm).strip(), where.bar + where.gap), "warning"))
    else:
        line += _plot(bar(norm, where.bar, across), "backward", where, across)
    rest, style = line.pop()
    line += [(rest[: len(rest) + 1 - len(sign)], style), (sign, "text")]
    line.append((number(norm, _VALUE - 1), "warning" if is_bad(norm) else "quiet" if norm is None else "text"))
    if where.history:
        history = sparkline(gradient.history, where.history, now=norm is not None)
        line.append((" " + history, "quiet" if norm is None else "backward"))
    if where.ratio:
        line += _ratio(gradient, where.ratio)
    return line


def noted(gradient: Gradient) -> str:
    """What is to be said of a gradient and its update; "" for nothing."""
    carried = "it was added to what earlier batches left, which nobody zeroed" if gradient.carried else ""
    said = gradient.note or carried
    return said and drawn(f"d{gradient.name}: {said}")


def legend(where: Columns, width: int, carried: bool = False) -> list[Line]:
    """What the signs mean."""
    smallest = "" if smallest_sign(where) == _SMALLEST else "↓ the smallest; "
    text = (
        f" {missing()} not computed yet; {smallest}‖Δ‖/‖θ‖ how far the update moves a parameter, usually 10⁻³: "
        "▲ ten times more, ▼ less"
    ) + ("; + added to what earlier batches left, which nobody zeroed" if carried else "")
    return [[(part, "quiet")] for part in wrap(drawn(text), width - 1)]


def _ratio(gradient: Gradient, width: int) -> Line:
    """‖Δ‖/‖θ‖, and a mark where it is far above or below the guide."""
    ratio = gradient.ratio
    if ratio is None:
        said = _BRIEF.get(gradient.note.partition(":")[0].partition(",")[0], "–" if gradient.note else missing())
        return [(("" if gradient.kind == "Z" else drawn(said)).rjust(width - 2) + "  ", "quiet")]
    if is_bad(ratio):
        return [(scientific(ratio).rjust(width - 2) + "  ", "warning")]
    more, less = ("hi", "lo") if theme.ascii_only() else ("▲", "▼")
    far = more if ratio >= GUIDE * _FAR else less if ratio <= GUIDE / _FAR else " " * len(more)
    return [(scientific(ratio).rjust(width - 1 - len(more)), "text"), (f" {far}", "text")]


def bar(norm: float | None, width: int, across: Scale) -> str:
    """A bar of half cells, less than a line high; nothing for zero, at least half a cell for what is there."""
    if not norm or not math.isfinite(norm):
        return ""
    part = (math.log10(norm) - across.low) / (across.high - across.low)
    halves = max(1, min(width * 2, round(part * width * 2)))
    return ("█" if theme.ascii_only() else "▄") * (halves // 2) + "▖" * (halves % 2)
