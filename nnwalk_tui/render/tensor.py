"""A tensor as numbers, as a heat map, or a row of it as a picture, under its statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, zip_longest
from typing import NamedTuple

from rich.cells import cell_len

from engine.protocol.views import Statistics, TensorView
from nnwalk_tui.render import heat
from nnwalk_tui.render.numbers import Notation, missing, notation, number, percent, scientific, shape
from nnwalk_tui.render.spelled import awaited, drawn
from nnwalk_tui.render.text import Line, Span, fit, fit_line, wrap

CELL = 9  # cells of a number and the mark before it
_BARS = " ▁▂▃▄▅▆▇█"
_BETWEEN = 3  # cells between two maps
_APART = 1  # cells between two columns of a vector


class Window(NamedTuple):
    """What is in view of the table: first row and column, from 1, and how many."""

    row: int
    column: int
    rows: int
    columns: int


class Notations(NamedTuple):
    """How a tensor's numbers are written, and those that stand below them."""

    own: Notation
    other: Notation


def notations(view: TensorView) -> Notations:
    """Of the whole tensor, so that scrolling changes nothing; a gradient has its own, as it is of another size."""
    cells = CELL - 2  # a number's, a blank before it
    if view.other_scale and not _beside_its_gradient(view):
        both = notation(max(view.scale, view.other_scale), cells)
        return Notations(both, both)
    return Notations(notation(view.scale, cells), notation(view.other_scale, cells))


def _beside_its_gradient(view: TensorView) -> bool:
    return view.against == f"d{view.name}"


def gutter(view: TensorView) -> int:
    """Cells of the row numbers, and of what all numbers are to be multiplied by."""
    colon = is_vector(view)
    units = 1 + len(notations(view).own.unit)
    return max(_side(view) + colon, units, len(_other_mark(view)) + 2 if view.against else 0)


def _side(view: TensorView) -> int:
    """Cells of the row numbers alone."""
    return max(4, len(str(view.rows)) + 2)


def _other_mark(view: TensorView) -> str:
    """What stands before a row of what it is compared with: "≈", "d ×10⁻³"."""
    return f"d {notations(view).other.unit}".strip() if _beside_its_gradient(view) else drawn("≈")


def is_vector(view: TensorView) -> bool:
    """Whether its values are laid in one column after the other."""
    return view.columns == 1 and view.rows > 1


def column_lines(view: TensorView, height: int) -> int:
    """How many rows of numbers stand above each other."""
    return max(1, (height - _has_heads(view)) // (2 if view.against else 1))


def _has_heads(view: TensorView) -> bool:
    """Whether a line stands above the numbers; over a vector only where it says what they are multiplied by."""
    return not is_vector(view) or notations(view).own.unit != ""


def room(view: TensorView, width: int, height: int) -> tuple[int, int]:
    """How many rows and columns of numbers fit in the grid, its head not counted."""
    rows, side = column_lines(view, height), gutter(view)
    if is_vector(view):
        return rows * max(1, (width + _APART) // (side + CELL + _APART)), 1
    return rows, max(1, (width - side) // CELL)


def title(view: TensorView) -> str:
    """Name and shape: "dZ[2] 64×16"."""
    return f"{view.name} {shape(view.shape)}"


# ── the head ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def head(view: TensorView, width: int, height: int) -> list[Line]:
    """The chosen element, statistics and histogram, as far as `height` leaves room for them."""
    lines = [_chosen(view)]
    if height >= 7 and view.statistics is not None:
        lines.append(_statistics(view.statistics, width))
    if height >= 10 and view.bins:
        lines.append(_histogram(view, width))
    return lines


def _chosen(view: TensorView) -> Line:
    line: Line = [(" ›", "here"), (drawn(f"{view.address} = "), "text"), _value(view.value)]
    if view.against_problem:
        return [*line, (f"   {view.against_problem}", "warning")]
    if view.against:
        line += [(f"   {view.against}: ", "quiet"), _value(view.other_value)]
        if view.value is not None and view.other_value is not None and " at " in view.against:
            line += [("   difference ", "quiet"), _value(view.value - view.other_value)]
    return line


def _value(value: float | None) -> Span:
    if value is None:
        return missing(), "quiet"
    return f"{value:.6g}".replace("-", "−"), "warning" if not math.isfinite(value) else "text"


def _statistics(it: Statistics, width: int) -> Line:
    """As many as fit; those that tell most stay."""
    shown: list[tuple[str, str, bool]] = [("all", str(math.prod(it.shape)), False)]
    shown += [
        (name, number(value, 8).strip(), not math.isfinite(value))
        for name, value in (("mean", it.mean), ("std", it.std), ("min", it.min), ("max", it.max), ("norm", it.norm))
    ]
    shown += [("zero", percent(it.zeros).strip(), False), ("NaN, inf", percent(it.bad).strip(), it.bad > 0)]
    for dropped in ("all", "norm", "min", "max", "std"):
        if sum(len(name) + len(text) + 3 for name, text, _ in shown) > width:
            shown = [each for each in shown if each[0] != dropped]
    line: Line = [(" ", "quiet")]
    for name, text, bad in shown:
        line += [(f"{name} ", "quiet"), (f"{text}  ", "warning" if bad else "text")]
    return line


def _histogram(view: TensorView, width: int) -> Line:
    """Counts by value; bars of a logarithmic height, so that a single value is seen beside thousands."""
    least, most = (f"{number(end, 8).strip()}" for end in (view.low, view.high))
    bars = _merged(view.bins, max(1, min(len(view.bins), width - len(least) - len(most) - 26)))
    tallest = math.log1p(max(bars))
    text = "".join(_BARS[_height(count, tallest)] for count in bars)
    of = f"  log count of every {view.every}th" if view.every > 1 else "  log count"
    return [(f" {least} ", "quiet"), (text, "forward"), (f" {most}{of}", "quiet")]


def _height(count: int, tallest: float) -> int:
    return 0 if count == 0 else max(1, round(math.log1p(count) / tallest * (len(_BARS) - 1)))


def _merged(bins: Sequence[int], count: int) -> list[int]:
    edges = [at * len(bins) // count for at in range(count + 1)]
    return [sum(bins[a:b]) for a, b in pairwise(edges)]


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def grid(view: TensorView, window: Window, chosen: tuple[int, int], width: int, height: int) -> list[Line]:
    """The heads of the columns, then the rows in view, each followed by what it is compared with.

    A vector's rows stand column after column.
    """
    rows = range(window.row, min(window.row + window.rows, view.rows + 1))
    if is_vector(view):
        each = column_lines(view, height)
        parts = [rows[at : at + each] for at in range(0, len(rows), each)]
        blocks = [[line for row in part for line in _row(view, window, row, chosen)] for part in parts]
        lines = [_apart([part for part in beside if part]) for beside in zip_longest(*blocks)]
    else:
        lines = [line for row in rows for line in _row(view, window, row, chosen)]
    if _has_heads(view):
        lines = [_column_heads(view, window, chosen[1]), *lines]
    return [fit_line(line, width) for line in lines]


def _apart(parts: list[Line]) -> Line:
    gap: Span = (" " * _APART, "text")
    return [span for at, part in enumerate(parts) for span in ((gap, *part) if at else part)]


def _row(view: TensorView, window: Window, row: int, chosen: tuple[int, int]) -> list[Line]:
    """A row, and what it is compared with."""
    sign = "▸" if row == view.picked_row else " "
    style = "here" if row == chosen[0] or sign != " " else "quiet"
    label, side = f"{row}{':' if is_vector(view) else ''}", gutter(view)
    mark: Span = (fit(label, side - 1, ">") + sign, style)
    own, other = notations(view)
    lines: list[Line] = [[mark, *_cells(view.values, own, view, window, row, chosen)]]
    if view.other:
        beside: Span = (fit(_other_mark(view), side - 1, ">") + " ", "quiet")
        lines.append([beside, *_cells(view.other, other, view, window, row, (0, 0), quiet=True)])
    return lines


def _column_heads(view: TensorView, window: Window, chosen: int) -> Line:
    """What all numbers are to be multiplied by, and the columns' indices; a vector has none."""
    line: Line = [(fit(f" {notations(view).own.unit}", gutter(view)), "text")]
    if is_vector(view):
        return line
    for column in range(window.column, min(window.column + window.columns, view.columns + 1)):
        line.append((fit(_column_name(view, column), CELL, ">"), "here" if column == chosen else "quiet"))
    return line


def _column_name(view: TensorView, column: int) -> str:
    """A column's index; of a tensor of more dimensions all indices but the first: "1,3,2"."""
    if len(view.shape) <= 2:
        return str(column)
    parts, rest = [], column - 1
    for size in reversed(view.shape[1:]):
        parts.append(str(rest % size + 1))
        rest //= size
    return ",".join(reversed(parts))


def _cells(
    values: list[list[float]],
    written: Notation,
    view: TensorView,
    window: Window,
    row: int,
    chosen: tuple[int, int],
    quiet: bool = False,
) -> Line:
    line: Line = []
    at = row - view.first_row
    held = values[at] if 0 <= at < len(values) else []
    for column in range(window.column, min(window.column + window.columns, view.columns + 1)):
        place = column - view.first_column
        if not 0 <= place < len(held):
            line.append((fit(drawn("…"), CELL, ">"), "quiet"))
            continue
        here = (row, column) == chosen
        value = held[place]
        bad = not math.isfinite(value)
        style = "warning" if bad else "here" if here else "quiet" if quiet or value == 0 else "text"
        mark = "›" if here else "!" if bad else " "
        line += [(mark, "here" if here else style), (written.text(value, CELL - 1), style)]
    return line


# ── heat map and picture ──────────────────────────────────────────────────────────────────────────────────────────────


def map_size(view: TensorView | None, width: int, height: int, beside: bool) -> tuple[int, int]:
    """Rows and columns of blocks that a heat map has room for."""
    cells = width - (_side(view) if view else 8) - 1
    if beside:
        cells = (cells - _BETWEEN) // 2
    return max(1, (height - 2) * heat.halves()), max(1, cells)


def heat_map(view: TensorView, width: int, height: int) -> list[Line]:
    """The whole table; the chosen row is marked at the left, the scale stands below."""
    lines = heat.map_lines(view.values, view.scale)[: max(1, height - 2)]
    others = heat.map_lines(view.other, view.other_scale) if view.other else []
    side = _side(view)
    chosen = (view.at_row - 1) * len(lines) // max(1, view.rows)
    shown: list[Line] = []
    for at, line in enumerate(lines):
        first = at * view.rows // max(1, len(lines)) + 1
        text = view.at_row if at == chosen else first if at == 0 else ""
        head: Span = (
            fit(str(text), side - 1, ">") + ("›" if at == chosen else " "),
            "here" if at == chosen else "quiet",
        )
        beside: Line = [(" " * _BETWEEN, "blank"), *others[at]] if at < len(others) else []
        shown.append([head, *line, *beside])
    return [*shown, *_map_legend(view)]


def _map_legend(view: TensorView) -> list[Line]:
    blocks = len(view.values) < view.rows or len(view.values[0]) < view.columns
    text = " each cell: the largest of its block" if blocks else " each cell: a value"
    other = drawn(f"   right: {view.against}, ±{scientific(view.other_scale)}") if view.other else ""
    return [heat.scale_line(view.scale), [(text + other, "quiet")]]


def picture(view: TensorView, width: int, height: int) -> list[Line]:
    """The chosen row as a picture, beside it that of what it is compared with, and the scale."""
    if not view.picture:
        return _no_picture(view, width)
    if not view.pixels:
        return [awaited()]  # it is asked for now
    if view.tokens and (weights := _attention(view, width, height)):
        return weights
    tall, wide = view.picture
    pictures = [(view.pixels, max(map(abs, filter(math.isfinite, view.pixels)), default=0.0))]
    if view.other_pixels:
        pictures.append((view.other_pixels, max(map(abs, filter(math.isfinite, view.other_pixels)), default=0.0)))
    room = (width - 2 - _BETWEEN * (len(pictures) - 1)) // len(pictures)
    rows, columns = heat.fitted(tall, wide, height - 2, room)
    maps = [heat.map_lines(heat.resized(pixels, tall, wide, rows, columns), most) for pixels, most in pictures]
    lines: list[Line] = [
        [span for part in parts for span in ((" " * 2, "blank"), *part)] for parts in zip(*maps, strict=True)
    ]
    other = drawn(f"   right: {view.against}, ±{scientific(pictures[1][1])}") if len(pictures) > 1 else ""
    caption: Line = [(f"  row {view.at_row} of {view.name}, {tall}×{wide}{other}", "text")]
    return [*lines, caption, heat.scale_line(pictures[0][1])]


def _attention(view: TensorView, width: int, height: int) -> list[Line]:
    """Weights with the tokens beside them, head beside head or below; nothing where there is no room."""
    count = len(view.tokens)
    heads = view.picture[0] // count
    label = max(map(cell_len, view.tokens))
    cells = max(2, label + 1)
    wide = 2 + label + 1 + count * cells
    across = min(heads, width // wide)
    down = -(-heads // across) if across else 0
    if not across or down * (count + 1) + 2 > height:
        return []
    most = max(map(abs, filter(math.isfinite, view.pixels)), default=0.0)
    drawn_heads = [_head(view, head, cells, label, most) for head in range(heads)]
    lines: list[Line] = []
    for first in range(0, heads, across):
        parts = zip(*drawn_heads[first : first + across], strict=True)
        lines += [[span for part in beside for span in part] for beside in parts]
    of = f", {heads} heads" if heads > 1 else ""
    caption = f"  row {view.at_row} of {view.name}{of}: from the token at the left to that above"
    return [*lines, [(caption, "text")], heat.scale_line(most)]


def _head(view: TensorView, head: int, cells: int, label: int, most: float) -> list[Line]:
    count = len(view.tokens)
    table = [view.pixels[at * count : (at + 1) * count] for at in range(head * count, (head + 1) * count)]
    rows = [[value for value in row for _ in range(cells)] for row in table for _ in range(heat.halves())]
    above: Line = [(" " * (2 + label + 1), "blank"), *((fit(token, cells, "^"), "quiet") for token in view.tokens)]
    beside = [("  " + fit(token, label, ">") + " ", "quiet") for token in view.tokens]
    return [above, *([name, *line] for name, line in zip(beside, heat.map_lines(rows, most), strict=True))]


def _no_picture(view: TensorView, width: int) -> list[Line]:
    """Why the row is none, and what is one."""
    values = "1 value" if view.columns == 1 else f"{view.columns} values"
    why = f" a row of {view.name} is {values}: no picture"
    others = (
        " pictures: a row of a square number of values from 8×8 on, as X, W[1] and dW[1] have for digits of 28×28; "
        "and whatever has a height and a width, as a convolution's filters and maps"
    )
    return [[(text, "quiet")] for text in (*wrap(why, width), *wrap(others, width))]
