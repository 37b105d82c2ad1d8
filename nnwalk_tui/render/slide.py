"""A kernel on its way over a map: the window that it lies on, the cell that comes of it, and the numbers of both."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from rich.cells import cell_len

from engine.protocol.views import Picture, SlideGrid, SlideView
from nnwalk_tui.colours import theme
from nnwalk_tui.render import heat
from nnwalk_tui.render.numbers import notation, number
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, Span, fit, fit_line, measure

_NUMBER, _SHORT = 6, 5  # cells of a number, of one in a wide kernel
_WIDE = 4  # taps across, up to which a kernel is no wide one
_WORDS = 20  # cells that sums need at least
_LEAST = 8  # cells of a map, below which only numbers are shown
_BESIDE_TILES = 20  # cells of the words beside a kernel's picture
_BESIDE = 3  # lines above and below a map
_WINDOW = ("○", "◉")  # the window and the cell, where colours cannot show them
_MIDDLE, _FULL = 128, 127


class Place(NamedTuple):
    """Where a map stands in the pane's inside, and how many rows and columns of values are drawn of it."""

    x: int
    y: int
    rows: int
    columns: int

    def find(self, picture: Picture, x: int, y: int) -> tuple[int, int] | None:
        """The row and column, from 0, of the map's value in a cell of the pane's inside; None beside it."""
        row, column = (y - self.y) * heat.halves(), x - self.x
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        return row * picture.height // self.rows, column * picture.width // self.columns


def places(view: SlideView, width: int, height: int) -> list[Place]:
    """Where the two maps stand; none where there is no room for them."""
    room = (width - _words(view) - 2) // 2
    lines = height - _BESIDE
    if room < _LEAST or lines < 2 or not view.maps:
        return []
    sizes = [heat.fitted(each.height, each.width, lines, room) for each in view.maps]
    return [Place(0, 1, *sizes[0]), Place(sizes[0][1] + 1, 1, *sizes[1])]


def draw(view: SlideView, width: int, height: int) -> list[Line]:
    """The map that the kernel lies on, the one that its cell is in, and beside them the arithmetic."""
    where = places(view, width, height)
    maps = _maps(view, where, height) if where else []
    left = where[1].x + where[1].columns + 1 if where else 0
    words = _numbers(view, width - left, height)
    lines = []
    for at in range(min(height, max(len(maps), len(words)))):
        beside = fit_line(maps[at] if at < len(maps) else [], left)
        lines.append([*beside, *(words[at] if at < len(words) else [])])
    return lines


def _words(view: SlideView) -> int:
    """Cells of the numbers."""
    taps = max((len(row) for grid in view.grids for row in grid.values), default=1)
    return max(_WORDS, taps * (_cells(taps) + 1) - 1)


def _cells(taps: int) -> int:
    return _NUMBER if taps <= _WIDE else _SHORT


# ── maps ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _maps(view: SlideView, where: list[Place], height: int) -> list[Line]:
    read, written = view.maps
    left = _map(read, where[0], view.down, view.across, _WINDOW[0])
    right = _map(written, where[1], view.at[:1], view.at[1:], _WINDOW[1])
    of_read = f"{read.title} channel {read.number}"
    of_written = f"{written.title} channel {view.channel} of {view.channels}"
    gap: Span = (" ", "blank")
    lines: list[Line] = [_under(of_read, of_written, where)]
    for at in range(max(len(left), len(right))):
        first = left[at] if at < len(left) else [(" " * where[0].columns, "blank")]
        lines.append([*first, gap, *(right[at] if at < len(right) else [])])
    scales = [f"±{number(each.scale).strip()}" for each in view.maps]
    lines.append([*_under(scales[0], f"{scales[1]} · ", where, "quiet"), (f"{view.row}, {view.column}", "here")])
    lines.append([(drawn(f"{view.title} · example {view.example}"), "quiet")])
    return lines[:height]


def _under(first: str, second: str, where: list[Place], style: str = "title") -> Line:
    """Words for each of the maps."""
    left, right = drawn(first), drawn(second)
    return [
        (fit(left, where[0].columns), style),
        (" ", "blank"),
        (fit(right, min(cell_len(right), where[1].columns)), style),
    ]


def _map(picture: Picture, place: Place, down: list[int], across: list[int], sign: str) -> list[Line]:
    """A map's values on a scale about 0; those of rows `down` and columns `across` in shades of the colour for here.

    Where colours cannot show it, they are a sign. What falls between two that are drawn is marked at the nearer one.
    """
    marked_rows, marked_columns = (
        [any(at in seen for at in marked) for seen in _shown(of, drawn_of)]
        for of, drawn_of, marked in (
            (picture.height, place.rows, down),
            (picture.width, place.columns, across),
        )
    )
    rows = [
        [
            (
                _share(picture, y * picture.height // place.rows, x * picture.width // place.columns),
                in_row and in_column,
            )
            for x, in_column in enumerate(marked_columns)
        ]
        for y, in_row in enumerate(marked_rows)
    ]
    if heat.halves() == 1:
        return [[_signed(value, is_marked, sign) for value, is_marked in row] for row in rows]
    lines = []
    for at in range(0, len(rows), 2):
        lower = rows[at + 1] if at + 1 < len(rows) else [None] * place.columns
        lines.append([_cell(up, low) for up, low in zip(rows[at], lower, strict=True)])
    return lines


def _shown(of: int, drawn_of: int) -> list[range]:
    """The rows, or columns, that each one drawn stands for."""
    starts = [at * of // drawn_of for at in range(drawn_of + 1)]
    return [range(start, max(start + 1, end)) for start, end in pairwise(starts)]


def _share(picture: Picture, row: int, column: int) -> float | None:
    """A value's share of the scale, None for NaN."""
    level = picture.levels[row * picture.width + column]
    return (level - _MIDDLE) / _FULL if level else None


def _signed(value: float | None, marked: bool, sign: str) -> Span:
    if marked:
        return sign, "here"
    return heat.map_lines([[float("nan") if value is None else value]], 1.0)[0][0]


def _cell(up: tuple[float | None, bool], low: tuple[float | None, bool] | None) -> Span:
    if up[0] is None or (low is not None and low[0] is None):
        return "?", "warning"
    upper = _shade(up[0], up[1])
    if low is None or low[0] is None:
        return "▀", f"heat:{upper}:"
    lower = _shade(low[0], low[1])
    return (" ", f"heat::{upper}") if upper == lower else ("▀", f"heat:{upper}:{lower}")


def _shade(value: float, marked: bool) -> str:
    level = round(value * theme.HEATS)
    return f"h{abs(level)}" if marked else str(level)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _numbers(view: SlideView, room: int, height: int) -> list[Line]:
    """The grids, one below the other or beside it, and what adds up.

    Of those that there is no room for as numbers, the last are pictures, then all; only then lines are left out.
    """
    sums = _sums(view, room)
    spare = height - len(sums)
    blocks = [_grid(grid, room) for grid in view.grids]
    stacked = [line for block in blocks for line in block]
    if len(stacked) <= spare:
        return [*stacked, *sums]
    rows = _in_rows(blocks, room)
    if len(rows) <= spare:
        return [*rows, *sums]
    for whole in reversed(range(len(blocks))):
        numbers = [line for block in blocks[:whole] for line in block]
        for pictures in (_under_each_other(view.grids[whole:]), _in_rows([*map(_tiled, view.grids[whole:])], room)):
            if len(numbers) + len(pictures) <= spare and all(measure(line) <= room for line in pictures):
                return [*numbers, *pictures, *sums]
    shown = max(0, spare - 1)
    return [*rows[:shown], [(drawn("… and more, in a taller pane"), "quiet")], *sums][-height:]


def _in_rows(blocks: list[list[Line]], room: int) -> list[Line]:
    """As many abreast as fit."""
    beside = max(1, min(len(blocks), (room + 2) // (max((measure(x) for b in blocks for x in b), default=1) + 2)))
    return [line for at in range(0, len(blocks), beside) for line in _abreast(blocks[at : at + beside])]


def _tiled(grid: SlideGrid) -> list[Line]:
    """A title, and the numbers as colours."""
    return [[(drawn(f"{grid.title} {_scale(grid)}"), "quiet")], *_tiles(grid)]


def _under_each_other(grids: list[SlideGrid]) -> list[Line]:
    """The numbers as colours, and what they are at the left."""
    lines: list[Line] = []
    for grid in grids:
        for at, tiles in enumerate(_tiles(grid)):
            words = (drawn(grid.title), _scale(grid), "")[min(at, 2)]
            lines.append([(fit(words, _BESIDE_TILES), "quiet"), *tiles])
    return lines


def _tiles(grid: SlideGrid) -> list[Line]:
    return heat.map_lines([[value for value in row for _ in range(2)] for row in grid.values], _greatest(grid))


def _scale(grid: SlideGrid) -> str:
    return drawn(f"±{number(_greatest(grid)).strip()}")


def _greatest(grid: SlideGrid) -> float:
    return max((abs(value) for row in grid.values for value in row if abs(value) < float("inf")), default=0.0)


def _abreast(blocks: list[list[Line]]) -> list[Line]:
    width = max(measure(line) for block in blocks for line in block)
    return [
        [span for block in blocks for span in [*fit_line(block[at] if at < len(block) else [], width), ("  ", "blank")]]
        for at in range(max(map(len, blocks)))
    ]


def _grid(grid: SlideGrid, room: int) -> list[Line]:
    """A title, cut before its unit is, and the numbers."""
    taps = max(map(len, grid.values), default=1)
    cells = _cells(taps)
    written = notation(_greatest(grid), cells)
    rows: list[Line] = [[(" ".join(written.text(value, cells) for value in row), "text")] for row in grid.values]
    unit = drawn(f" {written.unit}") if written.unit else ""
    title = drawn(grid.title)
    most = max(taps * (cells + 1) - 1, room if taps * (cells + 1) * 2 > room else 0)
    return [[(fit(title, min(cell_len(title), max(0, most - cell_len(unit)))) + unit, "quiet")], *rows]


def _sums(view: SlideView, room: int) -> list[Line]:
    lines: list[Line] = []
    for at, (label, value) in enumerate(view.sums):
        last = view.direction == "forward" and at == len(view.sums) - 1
        sign = "" if view.direction != "forward" else "= " if last else "+ " if at else "  "
        words = fit(drawn(f"{sign}{label}"), max(0, room - 8)).rstrip()
        lines.append([(f"{words} ", "title" if last else "quiet"), (number(value).strip(), "here" if last else "text")])
    return lines
