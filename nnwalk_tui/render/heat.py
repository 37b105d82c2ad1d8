"""Values as colours between orange, black and blue about 0: heat maps and pictures of weights, two values a cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from nnwalk_tui.colours import theme
from nnwalk_tui.render.numbers import number
from nnwalk_tui.render.text import Line, Span

Rows = Sequence[Sequence[float]]
_SIGNS = "=-·+#"  # strongly negative … strongly positive, where colours cannot tell
_ASCII_SIGNS = "=- +#"
_BAD = "?"


def halves() -> int:
    """How many rows of values stand in a line: two where half-blocks can be coloured."""
    return 2 if theme.grey_steps() else 1


def map_lines(rows: Rows, scale: float) -> list[Line]:
    """The values as coloured cells, `halves()` rows a line; `scale` is the magnitude of the brightest."""
    if not theme.grey_steps():
        return [[_sign(value, scale) for value in row] for row in rows]
    lines: list[Line] = []
    for at in range(0, len(rows), 2):
        lower = rows[at + 1] if at + 1 < len(rows) else []
        lines.append([_cell(up, down, scale) for up, down in zip_longest(rows[at], lower)])
    return lines


def _level(value: float, scale: float) -> int:
    if scale <= 0 or value == 0:
        return 0
    if math.isinf(value):
        return theme.HEATS if value > 0 else -theme.HEATS
    level = round(value / scale * theme.HEATS)
    return max(-theme.HEATS, min(theme.HEATS, level))


def _cell(up: float | None, down: float | None, scale: float) -> Span:
    if any(value is not None and math.isnan(value) for value in (up, down)):
        return _BAD, "warning"
    upper = 0 if up is None else _level(up, scale)
    if down is None:
        return "▀", f"heat:{upper}:"
    lower = _level(down, scale)
    return (" ", f"heat::{upper}") if upper == lower else ("▀", f"heat:{upper}:{lower}")


def _sign(value: float, scale: float) -> Span:
    if not math.isfinite(value):
        return _BAD, "warning"
    share = value / scale if scale > 0 else 0.0
    at = 2 + (share > 0.05) + (share > 0.5) - (share < -0.05) - (share < -0.5)
    style = "positive" if at > 2 else "negative" if at < 2 else "quiet"
    return (_ASCII_SIGNS if theme.ascii_only() else _SIGNS)[at], style


def scale_line(scale: float) -> Line:
    """What the colours mean, in numbers."""
    return _scale_line(number(-scale).strip(), number(scale).strip())


def own_scale_line() -> Line:
    """What the colours mean where each picture has a scale of its own, which stands under it."""
    return _scale_line("−", "+ each picture's greatest")


def _scale_line(least: str, most: str) -> Line:
    if theme.grey_steps():
        steps = [(" ", f"heat::{level}") for level in range(-theme.HEATS, theme.HEATS + 1)]
    else:
        steps = [_sign(share, 1.0) for share in (-1, -0.3, 0, 0.3, 1)]
    return [(f" {least} ", "quiet"), *steps, (f" {most}", "quiet"), ("  ? NaN", "quiet")]


def resized(pixels: Sequence[float], height: int, width: int, rows: int, columns: int) -> list[list[float]]:
    """A picture, row after row, in rows × columns by the nearest value."""
    return [[pixels[(y * height // rows) * width + x * width // columns] for x in range(columns)] for y in range(rows)]


def fitted(height: int, width: int, lines: int, cells: int) -> tuple[int, int]:
    """Rows and columns of a picture that keeps its form within so many lines and cells; a cell is twice as high."""
    per_line = halves()
    shrink = min(1.0, cells / width, lines * 2 / height) if height and width else 1.0
    if shrink == 1.0 and 2 * width <= cells and height <= lines:
        shrink = float(min(cells // width, 2 * lines // height))  # whole enlargements keep pixels square
    columns = max(1, int(width * shrink))
    rows = max(1, int(height * shrink))
    return (rows if per_line == 2 else max(1, rows // 2)), columns
