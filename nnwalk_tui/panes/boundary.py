"""The boundary between classes in the plane."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.protocol.messages import BoundaryLook
from engine.protocol.views import BoundaryView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import boundary as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line, wrap


class BoundaryPane(Pane):
    """Which class is predicted where, of a model whose input is two numbers; it moves while the model learns."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("v", "points(1)", "All points, the wrong ones, none"),
        Binding("V", "points(-1)", "The points before", show=False),
    ]
    about = (
        "where in the plane which class is predicted, as the model is at the cursor; • a training point that is right "
        "there, ✗ one that is wrong; dark or blank where it is not sure"
    )

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._points = 0

    def asks(self) -> dict[str, Any]:
        """A map as fine as can be seen."""
        return {"boundary": BoundaryLook(*render.map_size(*inner(*self.size)))} if self.size else {}

    def part(self, snapshot: Snapshot) -> object | None:
        """The map."""
        return snapshot.boundary

    def status(self) -> str:
        """How many points are right."""
        view: BoundaryView = self.data
        return "" if view.problem else f"v {render.SHOWN[self._points]} · {view.right} of {view.total} right"

    def draw(self, width: int, height: int) -> list[Line]:
        """The map and its signs."""
        view: BoundaryView = self.data
        if view.problem:
            return [[(f" {line}", "quiet")] for line in wrap(view.problem, width - 1)]
        return render.draw(view, width, height, render.SHOWN[self._points])

    def action_points(self, by: int) -> None:
        """Show other points."""
        self._points = (self._points + by) % len(render.SHOWN)
        self.redraw()
