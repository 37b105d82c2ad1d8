"""The network as columns of neurons."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.protocol.messages import NeuronsLook
from engine.protocol.views import NeuronsView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import neurons as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line


class NeuronsPane(Pane):
    """Activations of the picked example, weights between neurons, and the picked neuron's values."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "layer(-1)", "The layer before", show=False),
        Binding("right", "layer(1)", "The next layer", show=False),
        ("n", "example(1)", "The next example"),
        ("N", "example(-1)", "The example before"),
        ("t", "weights", "Its weights in the tensor pane"),
        ("enter", "inspect", "Pick with arrows; look into it"),
    ]
    about = (
        "neurons as bright as the picked example's activations; the picked neuron's weights: orange solid +, blue "
        "dashed −, thick where strong; grey: the strongest others, in colour; Enter, then arrows pick a neuron"
    )

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._layer = 1
        self._picking = False  # whether the arrows have picked since the pane was gone to

    @property
    def wanted(self) -> NeuronsLook:
        """What to ask for: as many neurons as there are lines for."""
        width, height = inner(*self.size)
        columns = len(self.data[0].columns) if self.data else 4
        return NeuronsLook(self._layer, render.neurons_for(render.places(columns, width, height).rows))

    def asks(self) -> dict[str, Any]:
        """As many neurons as fit."""
        return {"neurons": self.wanted}

    def part(self, snapshot: Snapshot) -> object | None:
        """The network, and the picked row and neuron."""
        return None if snapshot.neurons is None else (snapshot.neurons, snapshot.picked)

    def status(self) -> str:
        """Which example."""
        return str(self.data[0].example)

    def draw(self, width: int, height: int) -> list[Line]:
        """Columns, edges and words."""
        view: NeuronsView = self.data[0]
        if view.problem:
            return [[(f" {view.problem}", "quiet")]]
        return render.draw(view, width, height)

    def chosen_tensor(self) -> str:
        """The activation of the picked neuron, once one was picked here."""
        if not (self._picking and self.data and self.data[0].columns):
            return ""
        view, (row, _) = self.data
        return f"A[{view.layer}][{row},{view.neuron}]"

    def on_blur(self) -> None:
        """The next Enter gives the arrows again."""
        self._picking = False
        super().on_blur()

    # what the keys do

    def action_layer(self, by: int) -> None:
        """Pick a neuron of another layer."""
        if self.data and self.data[0].columns:
            self._picking = True
            layers = [column.layer for column in self.data[0].columns]
            self._layer = max(layers[0], min(self.data[0].layer + by, layers[-1]))
            self.post_message(self.Wants())

    def action_move(self, lines: int) -> None:
        """Pick another neuron of the layer."""
        if self.data and self.data[0].columns:
            self._picking = True
            view, (row, _) = self.data
            size = next(column.size for column in view.columns if column.layer == view.layer)
            self.post_message(self.Asked(f"pick {row} {max(1, min(view.neuron + lines, size))}", quiet=True))

    def action_example(self, by: int) -> None:
        """Pick another example."""
        if self.data:
            _, (row, _) = self.data
            self.post_message(self.Asked(f"pick {max(1, row + by)}", quiet=True))

    def action_weights(self) -> None:
        """Show the picked neuron's weights as numbers, a heat map or a picture."""
        if self.data and self.data[0].layer > 0:
            self.post_message(self.Asked(f"inspect W[{self.data[0].layer}][{self.data[0].neuron},1]"))
