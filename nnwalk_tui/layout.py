"""Which panes are on screen at which size, and where: a pure function, so that no size can make them overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEAST_WIDTH, LEAST_HEIGHT = 40, 10
WIDE, TALL = 120, 36  # from here on all panes are seen at once
SIDE_BY_SIDE, TABBED = 72, 22  # from here on two panes at the top and one of the others below
STATUS_ROW = 24  # from this height the status has a row of its own
TABS_ROW = 12
VERY_WIDE = 176  # from here on the tables stand side by side

_BORDER, _TABLE = 2, 3  # rows of a border; of a table's border and heading
_HERE = 11  # rows of the longest common rule, its other direction and a value
_DIGITS = 10  # a row of pictures at half their size
_LOSS = 14
LESSON_WIDE, LESSON_TALL = 66, 20  # cells of a lesson's text; rows from which live panes stand beside it

LEFT = ("graph", "tape", "neurons")  # these share a place: the one that was visited last is seen
BOTTOM = ("loss", "log")
LARGE = ("tensor", "landscape")  # these take the place of the tables at the upper right
UPPER_RIGHT = ("layers", "here", "gradients", *LARGE)
PANE_NAMES = (  # in the order of Tab
    "graph",
    "neurons",
    "layers",
    "here",
    "gradients",
    "tensor",
    "landscape",
    "loss",
    "digits",
    "tape",
    "log",
)
LESSON = "lesson"


class Box(NamedTuple):
    """A rectangle of character cells."""

    x: int
    y: int
    width: int
    height: int


class Needs(NamedTuple):
    """What the run's panes would fill: of the run alone, so that nothing moves while it is stepped through."""

    graph_width: int = 42  # cells inside the border
    graph: int = 18  # lines inside the border
    layers: int = 3  # rows under the heading
    parameters: int = 6


class Plan(NamedTuple):
    """What stands where. `tabs` are the panes of the row of tabs, none where there is no such row."""

    boxes: dict[str, Box]
    tabs: tuple[str, ...] = ()

    @property
    def panes(self) -> tuple[str, ...]:
        """The panes on screen, in the order of Tab."""
        return tuple(name for name in (LESSON, *PANE_NAMES) if name in self.boxes)


USUAL = Needs()


def plan(
    width: int,
    height: int,
    recent: Sequence[str],
    zoomed: bool = False,
    needs: Needs = USUAL,
    beside: Sequence[str] | None = None,
) -> Plan:
    """Places for the bars and panes of a terminal of this size.

    `recent` are all panes, the focused one first, then those visited before. `beside` are the panes that stand beside a
    lesson's text, None where no lesson is open.
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return Plan({"too-small": Box(0, 0, width, height)})
    bars = 2 if height >= STATUS_ROW else 1
    boxes = {
        "header": Box(0, 0, width, 1),
        "timeline": Box(0, 1, width, 1),
        "prompt": Box(0, height - bars, 1, 1),
        "command": Box(1, height - bars, width - 1, 1),
    }
    if bars == 2:
        boxes["keys"] = Box(0, height - 1, width, 1)
    body = Box(0, 2, width, height - 2 - bars)
    if zoomed:
        return Plan({**boxes, recent[0]: body})
    if beside is not None:
        return _lesson(boxes, body, recent, beside, needs)
    if width >= WIDE and height >= TALL:
        return Plan({**boxes, **_all_panes(body, recent, needs)})
    if width >= SIDE_BY_SIDE and height >= TABBED:
        return _two_and_a_tab(boxes, body, recent)
    return _one(boxes, body, recent)


def _lesson(boxes: dict[str, Box], body: Box, recent: Sequence[str], beside: Sequence[str], needs: Needs) -> Plan:
    """A lesson's text, and beside it the live panes; where there is no room, one of them at a time, as tabs."""
    live = list(beside)
    if recent[0] != LESSON and recent[0] not in live:
        live = [*live[:-1], recent[0]] if len(live) > 1 else [*live, recent[0]]
    if not live:
        return Plan({**boxes, LESSON: body})
    if body.width < WIDE or body.height < LESSON_TALL:
        return _one(boxes, body, recent, (LESSON, *live))
    left = _between(body.width // 2, LESSON_WIDE, body.width - needs.graph_width - _BORDER)
    wanted = {"graph": needs.graph + _BORDER, "layers": needs.layers + _TABLE, "here": _HERE,
              "gradients": needs.parameters + _TABLE}  # fmt: skip
    rows = _shared(body.height, [5] * len(live), [wanted.get(name, _LOSS) for name in live])
    return Plan({**boxes, LESSON: body._replace(width=left), **_column(left, body.width - left, body.y, live, rows)})


def _all_panes(body: Box, recent: Sequence[str], needs: Needs) -> dict[str, Box]:
    if body.width >= VERY_WIDE:
        return _all_panes_abreast(body, recent, needs)
    left = _between(needs.graph_width + _BORDER, body.width * 3 // 8, body.width * 2 // 5)
    names = ["layers", "here", "gradients", "digits"]
    graph, loss = _shared(body.height, (14, 10), (needs.graph + _BORDER, _LOSS))
    rows = _shared(
        body.height,
        (5, 9, 5, _DIGITS),
        (needs.layers + _TABLE, _HERE, needs.parameters + _TABLE, _DIGITS),
    )
    if (large := _latest(UPPER_RIGHT, recent)) in LARGE:
        names, rows = [large, "digits"], [sum(rows[:-1]), rows[-1]]
    return {
        **_column(0, left, body.y, (_latest(LEFT, recent), _latest(BOTTOM, recent)), (graph, loss)),
        **_column(left, body.width - left, body.y, names, rows),
    }


def _all_panes_abreast(body: Box, recent: Sequence[str], needs: Needs) -> dict[str, Box]:
    left = _between(needs.graph_width + _BORDER, body.width * 3 // 10, body.width * 3 // 8)
    right = body.width - left
    tables = max(needs.layers, needs.parameters) + _TABLE
    upper = min(max(needs.graph + _BORDER, tables + _HERE), max(body.height // 2, body.height - 2 * _DIGITS))
    lower = body.height - upper
    table, here = _shared(upper, (5, 9), (tables, _HERE))
    gradients = right * 2 // 5
    left_column = _column(0, left, body.y, (_latest(LEFT, recent), _latest(BOTTOM, recent)), (upper, lower))
    if (large := _latest(UPPER_RIGHT, recent)) in LARGE:
        return {**left_column, **_column(left, right, body.y, (large, "digits"), (upper, lower))}
    return {
        **left_column,
        "layers": Box(left, body.y, right - gradients, table),
        "gradients": Box(left + right - gradients, body.y, gradients, table),
        **_column(left, right, body.y + table, ("here", "digits"), (here, lower)),
    }


def _shared(rows: int, least: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """`rows` for panes from top to bottom: each its least, then more in turn up to what it wants; the last the rest.

    There are at least as many rows as the least of all.
    """
    shares = list(least)
    while (spare := rows - sum(shares)) > 0:
        hungry = [at for at, want in enumerate(wanted) if shares[at] < want]
        if not hungry:
            shares[-1] += spare
        for at in hungry[:spare]:
            shares[at] += 1
    return shares


def _column(x: int, width: int, y: int, names: Sequence[str], rows: Sequence[int]) -> dict[str, Box]:
    boxes = {}
    for name, height in zip(names, rows, strict=True):
        boxes[name] = Box(x, y, width, height)
        y += height
    return boxes


def _between(wanted: int, least: int, most: int) -> int:
    return max(least, min(wanted, most))


def _two_and_a_tab(boxes: dict[str, Box], body: Box, recent: Sequence[str]) -> Plan:
    upper_left = _latest(LEFT, recent)
    tabs = tuple(name for name in PANE_NAMES if name not in (upper_left, "here"))
    upper = (body.height + 1) // 2
    left = body.width // 2
    panes = {
        upper_left: Box(0, body.y, left, upper),
        "here": Box(left, body.y, body.width - left, upper),
        "tabs": Box(0, body.y + upper, body.width, 1),
        _latest(tuple(name for name in tabs if name not in LEFT), recent): Box(
            0, body.y + upper + 1, body.width, body.height - upper - 1
        ),
    }
    return Plan({**boxes, **panes}, tabs)


def _one(boxes: dict[str, Box], body: Box, recent: Sequence[str], tabs: tuple[str, ...] = PANE_NAMES) -> Plan:
    if body.height + 3 < TABS_ROW:
        return Plan({**boxes, recent[0]: body})
    pane = Box(0, body.y + 1, body.width, body.height - 1)
    return Plan({**boxes, "tabs": Box(0, body.y, body.width, 1), recent[0]: pane}, tabs)


def _latest(names: Sequence[str], recent: Sequence[str]) -> str:
    return min(names, key=recent.index)
