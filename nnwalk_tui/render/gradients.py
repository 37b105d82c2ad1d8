"""Gradient norms as bars on one logarithmic scale, beside the update ratio of each parameter."""

from __future__ import annotations

import math
from typing import NamedTuple

from engine.views import Gradient
from nnwalk_tui.render.numbers import MISSING, is_bad, number, power, scientific
from nnwalk_tui.render.text import Line, fit

_EIGHTHS = "▏▎▍▌▋▊▉█"
_VALUE, _RATIO = 8, 9
_SLACK = 2  # decades that stay empty before the scale shrinks
_LEAST, _MOST = 3, 16  # decades on the axis


class Scale(NamedTuple):
    """Powers of ten at the two ends of the axis."""

    low: int
    high: int


class Columns(NamedTuple):
    """Widths."""

    label: int
    bar: int
    ratio: bool  # whether there is room for the update ratio


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
    """How the width is shared: names, bars, norms, ratios."""
    label = min(max((len(f"d{it.name}") for it in gradients), default=5), 24, max(5, width // 3))
    ratio = width - label - _VALUE - _RATIO >= 14
    return Columns(label, max(1, width - label - _VALUE - (_RATIO if ratio else 0) - 3), ratio)


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
    titles = fit("‖∂‖", _VALUE, ">") + (fit("‖Δ‖/‖θ‖", _RATIO, ">") if where.ratio else "")
    return [(" " * (where.label + 2) + "".join(cells[: where.bar]) + titles, "quiet")]


def row(gradient: Gradient, where: Columns, across: Scale) -> Line:
    """One parameter."""
    norm = gradient.norm
    line: Line = [(f" {fit('d' + gradient.name, where.label)} ", "quiet" if norm is None else "text")]
    if is_bad(norm):
        line.append((fit(number(norm).strip(), where.bar), "warning"))
    else:
        line.append((bar(norm, where.bar, across).ljust(where.bar), "backward"))
    line.append((number(norm, _VALUE), "warning" if is_bad(norm) else "quiet" if norm is None else "text"))
    if where.ratio:
        ratio = gradient.ratio
        text = MISSING if ratio is None else scientific(ratio)
        line.append((text.rjust(_RATIO), "warning" if is_bad(ratio) else "quiet" if ratio is None else "text"))
    return line


def bar(norm: float | None, width: int, across: Scale) -> str:
    """A bar of eighths of cells; nothing for zero, at least an eighth for what is there."""
    if not norm or not math.isfinite(norm):
        return ""
    part = (math.log10(norm) - across.low) / (across.high - across.low)
    eighths = max(1, min(width * 8, round(part * width * 8)))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")
