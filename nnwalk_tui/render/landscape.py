"""ℒ as a curve with its tangent and the next step, or as a map of levels with the path taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from engine.protocol.views import LandscapeView
from nnwalk_tui.colours import theme
from nnwalk_tui.render import digits
from nnwalk_tui.render.canvas import ACROSS, DOWN, Canvas, cell
from nnwalk_tui.render.numbers import number
from nnwalk_tui.render.spelled import awaited, drawn
from nnwalk_tui.render.text import Line, fit, fit_line, measure

GUTTER = 8
_MARGIN = 0.08  # of the span of ℒ, above and below the curve
_LEVELS = str.maketrans("*@", "+%")  # levels in ASCII: the way and its end are * and @
_DETAILS = ("all", "loss", "")  # of the legend, as many as there is room for


def draw(view: LandscapeView, width: int, height: int) -> list[Line]:
    """The title, the curve or map, and what its signs mean."""
    title: Line = [(f" {drawn(view.title)}", "text"), (f"   {_progress(view)}", "quiet")]
    lines = _map(view, width, height - 2) if view.rows > 1 else _curve(view, width, height - 2)
    return [title, *lines, _legend(view, width)]


def _progress(view: LandscapeView) -> str:
    total = view.rows * view.columns
    return "" if view.done >= total else f"{view.done}/{total} points"


def _legend(view: LandscapeView, width: int) -> Line:
    if view.rows > 1:
        known = [value for value in view.values if math.isfinite(value)]
        span = (
            drawn(f"ℒ {number(min(known)).strip()} … {number(max(known)).strip()}, log levels, dark is low")
            if known
            else ""
        )
        return [(" ◉", "here"), (" here  ", "quiet"), ("•", "here"), (f" the way here  {span}", "quiet")]
    told = [_told(view, width, detail) for detail in _DETAILS]
    return next((line for line in told if measure(line) <= width), told[-1])


def _told(view: LandscapeView, width: int, detail: str) -> Line:
    """What the signs of a curve mean; the less detail, the shorter."""
    step = view.marks[1][1] - view.marks[0][1] if len(view.marks) > 1 else 0.0
    hidden = abs(step) / (2 * view.reach) * _cells(width) < 1
    less = "under" if theme.ascii_only() else "<"  # where ◀ is drawn as <
    line: Line = []
    for (name, place, loss), sign in zip(view.marks, _signs(view), strict=False):
        where = {"all": f" ({number(place).strip()}, ℒ {number(loss).strip()})", "loss": f" ℒ {number(loss).strip()}"}
        name = drawn(name)
        small = f" {less} 1 cell" if sign != "◉" and hidden else ""
        line += [
            (f" {sign}", "here" if sign == "◉" else "backward"),
            (f" {name}{small}{where.get(detail, '')} ", "text"),
        ]
    if view.slope is not None:
        slope: Line = [(" ┄", "backward"), (f" slope {number(view.slope, 8).strip()}", "quiet")]
        line += slope
    return line


def _signs(view: LandscapeView) -> str:
    """Those of the point and of the step's end, which points where the step goes."""
    back = len(view.marks) > 1 and view.marks[1][1] < view.marks[0][1]
    return "◉◀" if back else "◉▶"


# ── curve ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cells(width: int) -> int:
    """Those that the curve has, beside its numbers."""
    return width - GUTTER - 1


def _curve(view: LandscapeView, width: int, height: int) -> list[Line]:
    points = _points(view)
    if not points or height < 4 or width < GUTTER + 10:
        return [awaited()]
    cells, rows = _cells(width), height - 2
    losses = [loss for _, loss in points] + [loss for *_, loss in view.marks if math.isfinite(loss)]
    margin = (max(losses) - min(losses) or abs(losses[0]) or 1.0) * _MARGIN
    low, high = min(losses) - margin, max(losses) + margin
    canvas = Canvas(cells, rows)

    def place(x: float, loss: float) -> tuple[float, float]:
        across = (x - view.origin + view.reach) / (2 * view.reach)
        return across * (cells * ACROSS - 1), (high - loss) / (high - low) * (rows * DOWN - 1)

    _tangent(view, canvas, place)
    for before, after in pairwise(place(*point) for point in points):
        canvas.line(before, after, "forward", "*")
    for (_, x, loss), sign in reversed(
        [*zip(view.marks, _signs(view), strict=False)]
    ):  # the point lies over all others
        if math.isfinite(loss):
            canvas.put(*cell(*place(x, loss)), sign, "here" if sign == "◉" else "backward")
    middle = (rows - 1) // 2
    centre = (DOWN - 1) / 2  # dots below a row's first
    ticks = {row: high - (row * DOWN + centre) / (rows * DOWN - 1) * (high - low) for row in (0, middle, rows - 1)}
    lines = [
        [
            ((number(ticks[row], GUTTER) if row in ticks else " " * GUTTER) + ("┤" if row in ticks else "│"), "quiet"),
            *line,
        ]
        for row, line in enumerate(canvas.lines())
    ]
    return [fit_line(line, width) for line in (*lines, *_axis(view, cells))]


def _points(view: LandscapeView) -> list[tuple[float, float]]:
    """What is known of the curve, from left to right; it goes through its marks, however coarse it still is."""
    known = [
        (view.origin + (2 * at / (view.columns - 1) - 1) * view.reach, loss) for at, loss in enumerate(view.values)
    ]
    marks = [(x, loss) for _, x, loss in view.marks if abs(x - view.origin) < view.reach]
    return sorted((x, loss) for x, loss in (*known, *marks) if math.isfinite(loss))


def _tangent(view: LandscapeView, canvas: Canvas, place: Callable[[float, float], tuple[float, float]]) -> None:
    if view.slope is None or not view.marks:
        return
    _, x, loss = view.marks[0]
    reach = view.reach * 0.6
    canvas.line(
        place(x - reach, loss - view.slope * reach), place(x + reach, loss + view.slope * reach), "backward", "-", 2
    )


def _axis(view: LandscapeView, cells: int) -> list[Line]:
    marks = ["─"] * cells
    marks[0] = marks[cells // 2] = marks[-1] = "┬"
    ends = [number(view.origin + step * view.reach, 8).strip() for step in (-1, 0, 1)]
    side = max(len(ends[0]), len(ends[2])) + 1
    words = fit(ends[0], side) + fit(f"{drawn(view.axis)} = {ends[1]}", cells - 2 * side, "^") + fit(ends[2], side, ">")
    return [[(" " * GUTTER + "└" + "".join(marks), "quiet")], [(" " * (GUTTER + 1) + words, "quiet")]]


# ── map ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _map(view: LandscapeView, width: int, height: int) -> list[Line]:
    known = [value for value in view.values if math.isfinite(value)]
    if not known:
        return [awaited()]
    cells = max(1, min(width - 2, 2 * height))  # a cell is twice as high as wide: the map is square
    rows = max(1, min(height, cells // 2))
    low, high = _log(min(known)), _log(max(known))
    levels = bytes(_level(value, low, high) for value in view.values)
    grid = _bands(levels, view, rows, cells)
    for across, up in view.path:
        _put(grid, view, across, up, "•")
    _put(grid, view, 0.0, 0.0, "◉")
    side = [(" ", "blank")]
    edge = number(view.reach).strip()
    words = [drawn(f"  ±{edge} {view.axis} each way")]
    return [
        [*side, *line, (words[0] if at == 0 and width - cells > len(words[0]) + 1 else "", "quiet")]
        for at, line in enumerate(grid)
    ]


def _bands(levels: bytes, view: LandscapeView, rows: int, cells: int) -> list[Line]:
    """The levels as cells, each exact: where two greys meet is a contour."""
    if not theme.grey_steps():
        picture = digits.picture(levels, view.rows, view.columns, cells, rows, False, theme.ascii_only())
        return [
            [(character, style) for text, style in line for character in text.translate(_LEVELS)] for line in picture
        ]
    means = digits.resample(levels, view.rows, view.columns, rows * 2, cells)
    greys = [[round(level * (theme.GREYS - 1) / 255) for level in line] for line in means]
    return [
        [(" ", f"grey::{up}") if up == low else ("▀", f"grey:{up}:{low}") for up, low in zip(*pair, strict=True)]
        for pair in zip(greys[::2], greys[1::2], strict=True)
    ]


def _log(value: float) -> float:
    return math.log(max(value, 1e-12))


def _level(value: float, low: float, high: float) -> int:
    if not math.isfinite(value):
        return 0
    return round(30 + 225 * (_log(value) - low) / ((high - low) or 1.0))


def _put(grid: list[Line], view: LandscapeView, across: float, up: float, sign: str) -> None:
    rows, columns = len(grid), len(grid[0])
    x = round((across / view.reach + 1) / 2 * (columns - 1))
    y = round((1 - up / view.reach) / 2 * (rows - 1))
    if 0 <= x < columns and 0 <= y < rows:
        grid[y][x] = (sign, "here")
