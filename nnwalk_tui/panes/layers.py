"""The table of layers."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.protocol.views import Layer, Layers, Snapshot
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
    about = (
        "a row a layer; v: statistics of another quantity, over all its elements, std ÷ n; seen: its norms in the "
        "batches that were looked at, on their own scale; ↑ ↓ a layer, why it has its badges; · not computed yet"
    )
    looks = frozenset({"layers", "here"})

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._quantity = 0
        self._widths = render.Widths()
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

    def show(self, snapshot: Snapshot | None) -> None:
        """Another run's columns have widths of their own."""
        if snapshot is None:
            self._widths, self._choice = render.Widths(), None
        super().show(snapshot)

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
        chosen = self._chosen()
        said = render.about(chosen, width) if chosen and self._has_room(height) else []
        rows = min(layers.total, height - 1 - len(said))
        follow = self._choice or here
        first = self.window(layers.total, rows, follow - 1 if follow else None)
        self._widths = render.widths([*layers.longest, *layers.rows], self._widths)
        wide = render.fitted(self._widths, width)
        columns = render.table(wide, width, layers.seen, layers.batches)
        known = {layer.index: layer for layer in layers.rows}
        lines = [
            render.row(known[index], self.quantity, wide, columns, index == here, index == self._choice)
            if index in known
            else render.unknown(index, wide)  # it was scrolled to, and is asked for now
            for index in range(first + 1, first + rows + 1)
        ]
        return [render.heading(self.quantity, wide, columns), *lines, *said]

    def chosen_tensor(self) -> str:
        """The quantity that is shown, of the chosen layer."""
        chosen = self._chosen()
        return f"{self.quantity}[{chosen.index}]" if chosen else ""

    def action_move(self, lines: int) -> None:
        """Choose another layer."""
        if not self.data or not self.data[0].total:
            return
        layers, here = self.data
        now = self._choice or (here if here else 1) - lines  # the first press shows the cursor's layer
        self._choice = max(1, min(layers.total, now + lines))
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
        layers: Layers | None = self.data[0] if self.data else None
        rows = layers.rows if layers else []
        return next((layer for layer in rows if layer.index == self._choice), None)

    def _has_room(self, height: int) -> bool:
        """Whether an explanation leaves the table at least half of the pane, or all the rows that it wants."""
        chosen = self._chosen()
        said = len(render.about(chosen, inner(*self.size)[0])) if chosen else 0
        layers: Layers = self.data[0]
        return height - said > min(layers.total, max(3, height // 2))
