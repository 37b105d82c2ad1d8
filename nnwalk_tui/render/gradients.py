"""Gradient norms as bars on one logarithmic scale, beside the update ratio of each parameter."""

from __future__ import annotations

import math
from typing import NamedTuple

from engine.views import Gradient
from nnwalk_tui.render.numbers import MISSING, is_bad, number, power, scientific
from nnwalk_tui.render.spark import sparkline
from nnwalk_tui.render.text import Line, fit

_EIGHTHS = "▏▎▍▌▋▊▉█"
_VALUE, _RATIO = 8, 11  # a ratio is "5·10⁻² ▲"
_LEAST_BAR, _LEAST_HISTORY, MOST_HISTORY = 14, 6, 24
_SLACK = 2  # decades that stay empty before the scale shrinks
_LEAST, _MOST = 3, 16  # decades on the axis
GUIDE = 1e-3  # the usual ‖Δ‖/‖θ‖ of an update (Karpathy, cs231n, "Neural Networks Part 3")
_FAR = 10  # times the guide, or its part, from which a ratio is marked

MODES = ("dW db", "dW", "db", "dZ")


class Scale(NamedTuple):
    """Powers of ten at the two ends of the axis."""

    low: int
    high: int


class Columns(NamedTuple):
    """Widths; 0 for a column that there is no room for."""

    label: int
    bar: int
    history: int
    ratio: int


def shown(gradients: list[Gradient], mode: str) -> list[Gradient]:
    """Those of a mode: of all parameters, of the weights, of the biases, or of Z."""
    wanted = {"dW": ("W",), "db": ("b",), "dZ": ("Z",)}.get(mode)
    return [it for it in gradients if (it.kind in wanted if wanted else it.kind != "Z")]


def scale(gradients: list[Gradient], before: Scale | None) -> Scale:
    """Whole decades around all norms; it grows at once and shrinks only when two decades and more are empty."""
    norms = [it.norm for it in gradients if it.norm and math.isfinite(it.norm)]
    if not norms:
        return before or Scale(-4, 0)
    low, high = math.floor(math.log10(min(norms))), math.ceil(math.log10(max(norms)))
    if before:
        low = before.low if 0 <= low - before.low <= _SLACK else low
        high = before.high if 0 <= before.high - high <= _SLACK else high
    else:
        low, high = low - 1, high + 1  # some room, so that the next batches stay within
    return Scale(min(max(low, high - _MOST), high - _LEAST), high)


def columns(gradients: list[Gradient], width: int) -> Columns:
    """How the width is shared: names, bars, norms, their history, ratios."""
    label = min(max((len(f"d{it.name}") for it in gradients), default=5), 24, max(5, width // 3))
    room = width - label - _VALUE - 3
    ratio = _RATIO if room - _RATIO >= _LEAST_BAR else 0
    room -= ratio
    history = min(MOST_HISTORY, (room - _LEAST_BAR) // 3) if room - _LEAST_BAR >= 2 * _LEAST_HISTORY else 0
    return Columns(label, max(1, room - (history and history + 1)), history, ratio)


def axis(where: Columns, across: Scale) -> Line:
    """The decades, as many as can be told apart."""
    cells = [" "] * (where.bar + 4)
    decades = across.high - across.low
    each = max(1, math.ceil(6 * decades / where.bar))
    for decade in range(across.low, across.high, each):
        at = round((decade - across.low) * where.bar / decades)
        label = power(decade)
        if at + len(label) < where.bar:
            cells[at : at + len(label)] = label
    titles = fit("‖∂‖", _VALUE, ">")
    titles += " " + fit("so far", where.history, ">") if where.history else ""
    titles += fit("‖Δ‖/‖θ‖", where.ratio - 2, ">") if where.ratio else ""
    return [(" " * (where.label + 2) + "".join(cells[: where.bar]) + titles, "quiet")]


def row(gradient: Gradient, where: Columns, across: Scale, chosen: bool = False) -> Line:
    """One gradient; `chosen`: its distribution can be seen."""
    norm = gradient.norm
    name = fit("d" + gradient.name, where.label)
    line: Line = [("›" if chosen else " ", "here"), (f"{name} ", "quiet" if norm is None else "text")]
    if is_bad(norm):
        line.append((fit(number(norm).strip(), where.bar), "warning"))
    else:
        line.append((bar(norm, where.bar, across).ljust(where.bar), "backward"))
    line.append((number(norm, _VALUE), "warning" if is_bad(norm) else "quiet" if norm is None else "text"))
    if where.history:
        line.append((" " + sparkline(gradient.history, where.history), "backward"))
    if where.ratio:
        line += _ratio(gradient, where.ratio)
    return line


def _ratio(gradient: Gradient, width: int) -> Line:
    """‖Δ‖/‖θ‖, and a mark where it is far above or below the guide."""
    ratio = gradient.ratio
    if ratio is None:
        return [(("" if gradient.kind == "Z" else MISSING).rjust(width - 2) + "  ", "quiet")]
    if is_bad(ratio):
        return [(scientific(ratio).rjust(width - 2) + "  ", "warning")]
    far = "▲" if ratio >= GUIDE * _FAR else "▼" if ratio <= GUIDE / _FAR else " "
    return [(scientific(ratio).rjust(width - 2), "text"), (f" {far}", "text")]


def bar(norm: float | None, width: int, across: Scale) -> str:
    """A bar of eighths of cells; nothing for zero, at least an eighth for what is there."""
    if not norm or not math.isfinite(norm):
        return ""
    part = (math.log10(norm) - across.low) / (across.high - across.low)
    eighths = max(1, min(width * 8, round(part * width * 8)))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")
