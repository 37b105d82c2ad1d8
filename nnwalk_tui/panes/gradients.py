"""The gradients of all parameters."""

from __future__ import annotations

from engine.views import Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import gradients as render
from nnwalk_tui.render.text import Line


class GradientsPane(Pane):
    """Norms as bars on one logarithmic scale, and how far each parameter moved."""

    pane_name = "gradients"
    pane_title = "gradients"
    number = 3
    about = (
        "norm of each parameter's gradient on one log scale; ‖Δ‖/‖θ‖: how far its update moved it, · not computed yet"
    )
    looks = frozenset({"gradients"})

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._scale: render.Scale | None = None

    def part(self, snapshot: Snapshot) -> object | None:
        """The gradients."""
        return snapshot.gradients

    def draw(self, width: int, height: int) -> list[Line]:
        """The axis, and the parameters in view."""
        gradients = self.data
        self._scale = across = render.scale(gradients, self._scale)
        where = render.columns(gradients, width)
        first = self.window(len(gradients), height - 1)
        rows = [render.row(each, where, across) for each in gradients[first : first + height - 1]]
        return [render.axis(where, across), *rows]
