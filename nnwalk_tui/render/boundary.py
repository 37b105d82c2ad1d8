"""The plane of a model of two inputs: which class is predicted where, how sure, and points, right and wrong ones.

A class has a colour and a sign, and both fade where it is not sure: dark cells, or blank ones, are the boundary.
"""

from __future__ import annotations

from engine.protocol.views import BoundaryView
from nnwalk_tui.colours import theme
from nnwalk_tui.render.heat import halves
from nnwalk_tui.render.spelled import awaited, drawn
from nnwalk_tui.render.text import Line, Span, fit, measure

SIGNS = "-+=%:~"  # of the classes, in turn
RIGHT, WRONG = "•", "✗"
SHOWN = ("all points", "wrong points", "no points")
_SURE = 2 / 5  # of the way from chance to certain, from which a sign is written
_LEGEND = 26  # cells that the words beside the map need
_LOW = 12  # lines; a lower map is drawn up to twice as wide as it is high, to be seen at all
_EVERY = (3, 6)  # lines and cells from one sign on a coloured map to the next
_UNKNOWN = 255


def map_size(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of a square map in so many cells: a cell is twice as high as wide."""
    lines = max(1, min(height, width // 2))
    columns = 2 * lines if lines >= _LOW else max(2 * lines, min(4 * lines, width - _LEGEND))
    return lines * halves(), columns


def draw(view: BoundaryView, width: int, height: int, points: str = SHOWN[0]) -> list[Line]:
    """The map, and beside it, where there is room, what its signs mean."""
    if not view.predicted:
        return [awaited()]
    rows, columns = map_size(width, height)
    lines = [
        _coloured(view, row, rows, columns) if halves() == 2 else _signed(view, row, rows, columns)
        for row in range(0, rows, halves())
    ]
    _put_points(lines, view, points)
    if width - columns < _LEGEND:
        return lines
    words = [*_legend(view, points, width - columns - 3, height), *([[]] * len(lines))]
    return [[*line, ("  ", "blank"), *beside] for line, beside in zip(lines, words, strict=False)]


def _at(view: BoundaryView, row: int, column: int, rows: int, columns: int) -> tuple[int, float]:
    """The class at a place of a map of rows × columns, and how sure it is, 0…1."""
    at = row * view.rows // rows * view.columns + column * view.columns // columns
    return view.predicted[at], view.sure[at] / 255


def _region(kind: int, sure: float) -> str:
    return "" if kind == _UNKNOWN else f"{kind}.{round(sure * theme.REGIONS)}"


def _coloured(view: BoundaryView, row: int, rows: int, columns: int) -> Line:
    """Two rows of the map in a line, with the class's sign here and there."""
    line: Line = []
    for column in range(columns):
        (kind, sure), (below, surer) = (_at(view, at, column, rows, columns) for at in (row, row + 1))
        upper, lower = _region(kind, sure), _region(below, surer)
        if not upper or not lower:
            line.append(("?", "warning"))
        elif kind == below and min(sure, surer) >= _SURE and _has_sign(row // 2, column):
            line.append((_sign(kind), f"region:{kind}.{theme.INK}:{lower}"))
        else:
            line.append((" ", f"region::{upper}") if upper == lower else ("▀", f"region:{upper}:{lower}"))
    return line


def _has_sign(line: int, column: int) -> bool:
    down, across = _EVERY
    return line % down == 1 and column % across == (2 if line // down % 2 else 5)


def _signed(view: BoundaryView, row: int, rows: int, columns: int) -> Line:
    """A row of the map in signs, blank where the model is not sure."""
    cells = [_at(view, row, column, rows, columns) for column in range(columns)]
    return [_signed_cell(*cell) for cell in cells]


def _signed_cell(kind: int, sure: float) -> Span:
    if kind == _UNKNOWN:
        return "?", "warning"
    return (_sign(kind), f"class:{kind}") if sure >= _SURE else (" ", "blank")


def _sign(kind: int) -> str:
    return SIGNS[kind % len(SIGNS)]


def _put_points(lines: list[Line], view: BoundaryView, shown: str) -> None:
    """Points over the map; in a cell with several, a wrong one is seen."""
    if shown == SHOWN[2] or not lines:
        return
    rows, columns = len(lines), len(lines[0])
    for across, up, right in sorted(view.points, key=lambda point: not point[2]):
        x, y = int(across * columns), int((1 - up) * rows)
        if not (0 <= x < columns and 0 <= y < rows) or (right and shown == SHOWN[1]) or lines[y][x][0] == WRONG:
            continue
        lines[y][x] = (RIGHT, _ink(lines[y][x][1])) if right else (WRONG, "wrong")


def _ink(style: str) -> str:
    """A region's own strong ink on its paper, so that right points do not hide the map."""
    if not style.startswith("region:"):
        return "text"
    lower = style.rpartition(":")[2]
    return f"region:{lower.partition('.')[0]}.{theme.INK}:{lower}"


def _legend(view: BoundaryView, points: str, room: int, height: int) -> list[Line]:
    """What the signs mean; on few lines the first of these."""
    wrong = view.total - view.right
    digits = len(str(view.total))
    low, high = view.low, [each + view.side for each in view.low]
    of_classes: list[Line] = [
        [(f" {_sign(kind)} ", f"region:{kind}.{theme.INK}:{kind}.{theme.REGIONS}" if halves() == 2 else "text"),
         (fit(f" class {name}", room - 3).rstrip(), "text")]
        for kind, name in enumerate(view.classes[: max(2, height - 7)])
    ]  # fmt: skip
    unsure = "dark" if halves() == 2 and not theme.scheme().light else "pale" if halves() == 2 else "blank"
    of_points: list[Line] = [
        [(f" {drawn(RIGHT)} ", "text"), (f" {view.right:>{digits}} right", "right")],
        [(f" {drawn(WRONG)} ", "wrong"), (f" {wrong:>{digits}} wrong", "wrong")],
        [(f"{' ' * (4 if room >= _LEGEND + 4 else 1)}of {view.total} {view.about}", "quiet")],
    ]
    axes: list[Line] = [
        [(drawn(f" {sign} {name} {_short(low[at])} … {_short(high[at])}"), "quiet")]
        for at, (sign, name) in enumerate((("→", "x₁"), ("↑", "x₂")))
    ]
    blank: list[Line] = [[]] if height >= 8 + len(of_classes) else []
    lines = [*of_classes, [(f"     {unsure}: not sure", "quiet")], *blank, *of_points, *blank, *axes]
    return [line if measure(line) <= room + 1 else line[:1] for line in lines][:height]


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
