"""A drawn digit's forward pass: its operations, what the one under its own cursor computes, and every value of that."""

from __future__ import annotations

from engine.protocol.views import TensorView, WalkView
from nnwalk_tui.render import heat, here, tape, tensor
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit, fit_line, wrap

_WIDE = 110  # cells from which the values stand beside the operations
_VALUES = 6  # lines that values need: the chosen one, statistics, numbers
_LEAST_PICTURE = 10  # cells
_KEYS = " ← → operation, n N layer, ↑ ↓ value, f back to the sheet"


def rows(width: int, height: int) -> int:
    """How many operations are listed."""
    return max(2, height // 2 if width >= _WIDE else height // 4)


def draw(view: WalkView, width: int, height: int) -> list[Line]:
    """The operations and the rule, the values below or beside them, and the keys."""
    height -= 1
    keys: Line = [(fit(drawn(_KEYS), width), "quiet")]
    if width >= _WIDE:
        left = width // 2
        lines = _computes(view, left - 1, height)
        values = _values(view.value, width - left, height)
        both = max(len(lines), len(values))
        return [*(_beside(lines, values, at, left) for at in range(both)), keys]
    lines = _computes(view, width, height - _VALUES)
    return [*lines, *_values(view.value, width, height - len(lines)), keys]


def _beside(lines: list[Line], others: list[Line], at: int, left: int) -> Line:
    line = fit_line(lines[at] if at < len(lines) else [], left)
    return [*line, *(others[at] if at < len(others) else [])]


def _computes(view: WalkView, width: int, height: int) -> list[Line]:
    where = tape.columns(view.tape.widths, view.tape.total, width)
    listed = [tape.row(row, where, view.tape.cursor, False) for row in view.tape.rows]
    lines = [tape.heading(where), *listed]
    return [*lines, *here.here(view.here, width, max(1, height - len(lines)))][: max(height, len(lines))]


def _values(view: TensorView, width: int, height: int) -> list[Line]:
    """The chosen value, the numbers of its page, and beside them their picture."""
    if view.problem:
        return [[(f" {line}", "quiet")] for line in wrap(drawn(view.problem), width - 1)]
    head = tensor.head(view, width, min(height, 9))
    lines = height - len(head)
    seen = _picture(view, width // 2 - 1, lines)
    cells = max((len(line) for line in seen), default=0)
    grid = _page(view, width - (cells + 1 if cells else 0), lines)
    return [*head, *(_beside(grid, seen, at, width - cells) for at in range(max(len(grid), len(seen))))]


def _page(view: TensorView, width: int, height: int) -> list[Line]:
    room = tensor.room(view, width, height)[0]
    first = (view.at_row - 1) // room * room + 1
    return tensor.grid(view, tensor.Window(first, 1, room, 1), (view.at_row, 1), width, height)


def _picture(view: TensorView, width: int, height: int) -> list[Line]:
    if not view.picture or width < _LEAST_PICTURE or height < 2:
        return []
    tall, wide = view.picture
    size = heat.fitted(tall, wide, height, width)
    return heat.map_lines(heat.resized(view.pixels, tall, wide, *size), view.scale)
