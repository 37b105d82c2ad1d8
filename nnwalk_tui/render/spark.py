"""A series as a row of bars, one cell each."""

from __future__ import annotations

import math

from nnwalk_tui.colours import theme

BLOCKS = "▁▂▃▄▅▆▇█"
BARS = BLOCKS[:-1]  # less than a line high, so that those of neighbouring lines stay apart
BAD = "!"  # stands for NaN and infinity
FLAT = 1.02  # greatest over least value of what is drawn as a level line


def seen(of: int, batches: int, width: int) -> str:
    """The heading of a column of them: in how many of the batches that have run they were seen."""
    if not batches:
        return "seen"
    forms = (f"seen in {of} of {batches} batches", f"seen {of} of {batches}", f"seen {of}/{batches}", "seen")
    return next(form for form in forms if len(form) <= width or form == forms[-1])


def sparkline(values: list[float], width: int, now: bool = True) -> str:
    """The latest values on a scale of their own, at the right of exactly `width` cells; "!" for NaN.

    Without `now` the last cell is kept for this batch's value, which is not among them yet; blank in ASCII, whose dots
    and dashes are bars.
    """
    if not now and values and width > 1:
        return sparkline(values, width - 1) + (" " if theme.ascii_only() else "·")
    shown = values[-width:] if width > 0 else []
    finite = [value for value in shown if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    level = high <= 0 if low == high else low > 0 and high / low < FLAT
    return "".join(_bar(value, low, high, level) for value in shown).rjust(width)


def _bar(value: float, low: float, high: float, level: bool) -> str:
    if not math.isfinite(value):
        return BAD
    if level or low == high:
        return BARS[3] if value else BARS[0]
    share = (value / 2 - low / 2) / (high / 2 - low / 2) if math.isinf(high - low) else (value - low) / (high - low)
    return BARS[min(len(BARS) - 1, int(share * len(BARS)))]
