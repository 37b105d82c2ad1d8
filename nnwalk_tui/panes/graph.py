"""The compute graph of the batch."""

from __future__ import annotations

from engine.views import Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import graph as render
from nnwalk_tui.render.text import Line


class GraphPane(Pane):
    """Values from top to bottom, parameters from the left, gradients coming back at the right."""

    pane_name = "graph"
    pane_title = "graph"
    number = 1
    about = "how values are made: ▶◉ here, ● done, ○ to come; ▲ norm of the gradient that came back, ╌ none ever does"
    looks = frozenset({"graph"})

    def part(self, snapshot: Snapshot) -> object | None:
        """The graph, and the loss that its last node shows."""
        return None if snapshot.graph is None else (snapshot.graph, snapshot.loss)

    def status(self) -> str:
        """Which way data flows."""
        return str(self.data[0].direction)

    def draw(self, width: int, height: int) -> list[Line]:
        """The lines in view, the cursor's among them."""
        graph, loss = self.data
        rows = render.rows(graph.nodes)
        first = self.window(len(rows), height, render.here(rows))
        where = render.columns(rows, width)
        return [render.draw(row, graph, loss, where, width) for row in rows[first : first + height]]
