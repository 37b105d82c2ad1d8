"""The table of layers."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.views import Layer, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import layers as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line


class LayersPane(Pane):
    """Shapes, statistics and the history of one quantity of each layer, and badges for what is wrong with it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("v", "quantity(1)", "Next quantity"),
        Binding("V", "quantity(-1)", "Quantity before", show=False),
        ("enter", "inspect", "Look into its tensor"),
    ]
    pane_name = "layers"
    pane_title = "layers"
    number = 2
    about = (
        "a row a layer; v: statistics of another quantity; norms: of the batches seen so far, on a scale of their own; "
        "↑ ↓ a layer and why it has its badges; · not computed yet"
    )
    looks = frozenset({"layers", "here"})

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._quantity = 0
        self._widths = render.Widths()
        self._paths: list[str] = []
        self._ends: list[dict[str, list[int]]] = []  # the shapes of the first and last layer when all were measured
        self._choice: int | None = None  # the chosen layer, counts from 1; None where none is

    @property
    def quantity(self) -> str:
        """Whose statistics are shown: "A", "dW", …"""
        return render.QUANTITIES[self._quantity]

    def asks(self) -> dict[str, Any]:
        """A history of the quantity, of the layers in view and a screenful around them."""
        height = max(1, inner(*self.size)[1])
        around = (self._top + 1 - height, self._top + 2 * height)
        return {"layers": around, "quantity": self.quantity, "points": render.MOST_HISTORY}

    def part(self, snapshot: Snapshot) -> object | None:
        """The layers, and the number of the one that the cursor is in."""
        if snapshot.layers is None:
            return None
        return snapshot.layers, snapshot.here.layer if snapshot.here else 0

    def status(self) -> str:
        """What is shown."""
        return f"v {self.quantity}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The heading, the layers in view, and, where there is room, what is said of the chosen one."""
        layers, here = self.data
        self._keep_widths([layer.path for layer in layers])
        chosen = self._chosen()
        said = render.about(chosen, width) if chosen and self._has_room(height) else []
        rows = min(len(layers), height - 1 - len(said))
        follow = chosen.index if chosen else here
        first = self.window(len(layers), rows, follow - 1 if follow else None)
        shown = layers[first : first + rows]
        wide = self._wide(layers, shown)
        columns = render.table(wide, width)
        lines = [
            render.row(layer, self.quantity, wide, columns, layer.index == here, layer is chosen) for layer in shown
        ]
        return [render.heading(self.quantity, wide, columns), *lines, *said]

    def chosen_tensor(self) -> str:
        """The quantity that is shown, of the chosen layer."""
        chosen = self._chosen()
        return f"{self.quantity}[{chosen.index}]" if chosen else ""

    def action_move(self, lines: int) -> None:
        """Choose another layer."""
        if not self.data or not self.data[0]:
            return
        layers, here = self.data
        now = self._choice or (here if here else 1) - lines  # the first press shows the cursor's layer
        self._choice = max(1, min(len(layers), now + lines))
        self.redraw()
        chosen = self._chosen()
        if chosen and not self._has_room(inner(*self.size)[1]):
            self.post_message(self.Said(render.explained(chosen)))
        self.post_message(self.Wants())

    def action_quantity(self, step: int) -> None:
        """Show the statistics of the next quantity."""
        self._quantity = (self._quantity + step) % len(render.QUANTITIES)
        self.redraw()
        self.post_message(self.Wants())

    def on_blur(self) -> None:
        """Choose none."""
        self._choice = None
        super().on_blur()

    def _chosen(self) -> Layer | None:
        if not self.data or self._choice is None or self._choice > len(self.data[0]):
            return None
        layer: Layer = self.data[0][self._choice - 1]
        return layer

    def _has_room(self, height: int) -> bool:
        """Whether an explanation leaves the table at least half of the pane, or all the rows that it wants."""
        chosen = self._chosen()
        said = len(render.about(chosen, inner(*self.size)[0])) if chosen else 0
        return height - said > min(len(self.data[0]), max(3, height // 2))

    def _wide(self, layers: list[Layer], shown: list[Layer]) -> render.Widths:
        """Widths for all layers; they are measured again only when a batch of another size comes."""
        ends = [layer.shapes for layer in layers[:: max(1, len(layers) - 1)]]
        measured = shown if ends == self._ends else layers
        self._ends, self._widths = ends, render.widths(measured, self._widths)
        return self._widths

    def _keep_widths(self, paths: list[str]) -> None:
        if paths != self._paths:
            self._paths, self._widths, self._ends = paths, render.Widths(), []
