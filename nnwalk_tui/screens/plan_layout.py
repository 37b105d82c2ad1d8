"""Places a screen's children where its plan says."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from nnwalk_tui.places.boxes import Box


class PlanLayout(Layout):
    """Children go by their ids to the boxes for a size; those without one are not on screen."""

    name = "plan"

    def __init__(self, boxes: Callable[[Size], dict[str, Box]]) -> None:
        self._boxes = boxes

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        """Placements of those children that have a box."""
        boxes = self._boxes(size)
        return [
            WidgetPlacement(Region(*boxes[child.id]), NULL_OFFSET, NULL_SPACING, child, order)
            for order, child in enumerate(children)
            if child.id in boxes
        ]
