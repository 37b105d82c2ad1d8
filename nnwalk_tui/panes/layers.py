"""The table of layers."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.views import Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import layers as render
from nnwalk_tui.render.text import Line


class LayersPane(Pane):
    """Shapes of weights, pre-activations and activations, and statistics of one quantity of each layer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("v", "quantity(1)", "Next quantity"),
        Binding("V", "quantity(-1)", "Quantity before", show=False),
    ]
    pane_name = "layers"
    pane_title = "layers"
    number = 2
    about = "shapes of W, Z and A, then statistics over the whole tensor; v: of another quantity; · not yet known"
    looks = frozenset({"layers", "here"})

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._quantity = 0
        self._widths = render.Widths()
        self._paths: list[str] = []

    @property
    def quantity(self) -> str:
        """Whose statistics are shown: "A", "dW", …"""
        return render.QUANTITIES[self._quantity]

    def part(self, snapshot: Snapshot) -> object | None:
        """The layers, and the number of the one that the cursor is in."""
        if snapshot.layers is None:
            return None
        return snapshot.layers, snapshot.here.layer if snapshot.here else 0

    def status(self) -> str:
        """What is shown."""
        return f"v {self.quantity}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The heading, and the layers in view."""
        layers, here = self.data
        self._keep_widths([layer.path for layer in layers])
        self._widths = wide = render.widths(layers, self._widths)
        first = self.window(len(layers), height - 1, here - 1 if here else None)
        rows = [
            render.row(layer, self.quantity, wide, width, layer.index == here)
            for layer in layers[first : first + height - 1]
        ]
        return [render.heading(self.quantity, wide, width), *rows]

    def action_quantity(self, step: int) -> None:
        """Show the statistics of the next quantity."""
        self._quantity = (self._quantity + step) % len(render.QUANTITIES)
        self.redraw()

    def _keep_widths(self, paths: list[str]) -> None:
        if paths != self._paths:
            self._paths, self._widths = paths, render.Widths()
