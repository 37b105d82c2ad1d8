"""How a gradient's values are distributed: a histogram of now, and a heat map of the batches before."""

from __future__ import annotations

import math

from engine.protocol.views import Distribution
from nnwalk_tui.render.numbers import number, percent, power, shape
from nnwalk_tui.render.spark import BLOCKS
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, ends, fit

_AXIS = 7  # cells of the axis at the left
_SHADES = "·░▒▓█"


def bins(width: int) -> int:
    """How many bins a histogram of this width has: an odd number, so that 0 has one of its own."""
    return max(1, width - _AXIS - 2 | 1)


def histogram(view: Distribution, width: int, height: int) -> list[Line]:
    """Bars whose heights are the logarithms of the counts, over values that lie evenly about 0."""
    counts = view.counts[: width - _AXIS]
    top = max(1, math.ceil(math.log10(max(counts, default=0) + 1)))  # decades
    rows = max(1, height - 2)
    lines: list[Line] = [_facts(view, width)]
    for row in range(rows - 1, -1, -1):
        at = row * top / rows  # the decade at the lower edge of this row
        label = power(math.ceil(at)) if math.ceil(at) < at + top / rows else ""
        bars = "".join(_part(count, row, rows, top) for count in counts)
        lines.append([(fit(label, _AXIS - 1, ">") + "┤", "quiet"), (bars, "backward")])
    return [*lines, _values(view, len(counts))][:height]


def _facts(view: Distribution, width: int) -> Line:
    left: Line = [(f" {view.name}", "title"), (f"  {shape(view.shape)}  log count by value", "quiet")]
    bad = f"  NaN {percent(view.bad).strip()}"
    right: Line = [(f"zero {percent(view.zeros).strip()}", "text"), (bad, "warning" if view.bad else "quiet")]
    return ends(left, [*right, (" ", "quiet")], width)


def _part(count: int, row: int, rows: int, top: int) -> str:
    """The part of a bar that lies in a row, counted from the bottom."""
    if count == 0:
        return " "
    eighths = max(1, round(math.log10(count + 1) / top * rows * 8)) - 8 * row
    return " " if eighths <= 0 else BLOCKS[min(8, eighths) - 1]


def _values(view: Distribution, across: int) -> Line:
    low, high = number(view.low).strip(), number(view.high).strip()
    room = across - len(low) - len(high)
    text = low + fit("0", room, "^") + high if room > 2 else fit("0", across, "^")
    return [(" " * _AXIS + text, "quiet")]


def over_time(view: Distribution, width: int, height: int) -> list[Line]:
    """A column a batch, the latest at the right; a row a power of ten of |values|, shaded by how many there are."""
    across = width - _AXIS - 1
    past = view.past[-across:]
    steps = _span(past)
    lines = [_facts_over_time(view, past, width)]
    if not past:
        return lines
    low, high = view.decades
    total = len(past[0])
    rows = min(height - 1, len(steps))
    for row in range(rows - 1, -1, -1):
        first, last = steps[row * len(steps) // rows], steps[(row + 1) * len(steps) // rows - 1]
        exponent = low + first * (high - low) / total
        label = power(int(exponent)) if exponent == int(exponent) else ""
        cells = "".join(_shade(max(batch[first : last + 1])) for batch in past)
        lines.append([(fit(label, _AXIS - 1, ">") + "┤", "quiet"), (cells, "backward")])
    return lines


def _span(past: list[bytes]) -> range:
    """The steps in which anything ever was, and one more at each end."""
    used = [step for batch in past for step, share in enumerate(batch) if share]
    if not used:
        return range(0)
    return range(max(0, min(used) - 1), min(len(past[0]), max(used) + 2))


def _facts_over_time(view: Distribution, past: list[bytes], width: int) -> Line:
    shown = view.iterations[-len(past) :] if past else []
    known = "" if view.known else ", this one's not computed yet"
    some = f"{len(shown)} of " if shown and len(shown) <= shown[-1] - shown[0] else ""
    batches = f"{some}batches {shown[0]} … {shown[-1]} seen{known}" if shown else "no batch yet"
    return ends([(f" |{view.name}|", "title"), (drawn(f"  {batches}"), "quiet")], [("· ░ ▒ ▓ █ more ", "quiet")], width)


def _shade(share: int) -> str:
    """Nothing, then by doublings of the share: up to 6, 12, 25, 50 and 100%."""
    return " " if share == 0 else _SHADES[min(4, max(0, int(math.log2(share / 8))))] if share >= 8 else _SHADES[0]
