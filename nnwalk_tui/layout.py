"""Which panes are on screen at which size, and where: a pure function, so that no size can make them overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEAST_WIDTH, LEAST_HEIGHT = 40, 10
WIDE, TALL = 120, 36  # from here on all panes are seen at once
SIDE_BY_SIDE, TABBED = 72, 22  # from here on two panes at the top and one of the others below
STATUS_ROW = 24  # from this height the status has a row of its own
TABS_ROW = 12
MOST_UPPER = 32  # rows of graph and tables; what a taller terminal has more goes to plots and digits

LEFT = ("graph", "tape")  # these share a place: the one that was visited last is seen
BOTTOM = ("loss", "log")
PANE_NAMES = ("graph", "layers", "here", "gradients", "loss", "digits", "tape", "log")  # in the order of Tab


class Box(NamedTuple):
    """A rectangle of character cells."""

    x: int
    y: int
    width: int
    height: int


class Plan(NamedTuple):
    """What stands where. `tabs` are the panes of the row of tabs, none where there is no such row."""

    boxes: dict[str, Box]
    tabs: tuple[str, ...] = ()

    @property
    def panes(self) -> tuple[str, ...]:
        """The panes on screen, in the order of Tab."""
        return tuple(name for name in PANE_NAMES if name in self.boxes)


def plan(width: int, height: int, recent: Sequence[str], zoomed: bool = False) -> Plan:
    """Places for the bars and panes of a terminal of this size.

    `recent` are all panes, the focused one first, then those visited before.
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
    if width >= WIDE and height >= TALL:
        return Plan({**boxes, **_all_panes(body, recent)})
    if width >= SIDE_BY_SIDE and height >= TABBED:
        return _two_and_a_tab(boxes, body, recent)
    return _one(boxes, body, recent)


def _all_panes(body: Box, recent: Sequence[str]) -> dict[str, Box]:
    left = min(body.width * 3 // 8, 100)
    right = body.width - left
    upper = min(body.height * 5 // 8 + 1, MOST_UPPER)
    lower = body.height - upper
    here = 8 if body.height < 50 else 10
    layers = (upper - here) * 2 // 5
    return {
        _latest(LEFT, recent): Box(0, body.y, left, upper),
        "layers": Box(left, body.y, right, layers),
        "here": Box(left, body.y + layers, right, here),
        "gradients": Box(left, body.y + layers + here, right, upper - layers - here),
        _latest(BOTTOM, recent): Box(0, body.y + upper, left, lower),
        "digits": Box(left, body.y + upper, right, lower),
    }


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


def _one(boxes: dict[str, Box], body: Box, recent: Sequence[str]) -> Plan:
    if body.height + 3 < TABS_ROW:
        return Plan({**boxes, recent[0]: body})
    pane = Box(0, body.y + 1, body.width, body.height - 1)
    return Plan({**boxes, "tabs": Box(0, body.y, body.width, 1), recent[0]: pane}, PANE_NAMES)


def _latest(names: Sequence[str], recent: Sequence[str]) -> str:
    return min(names, key=recent.index)
