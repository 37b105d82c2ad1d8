"""The compute graph of the batch."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from engine.protocol.messages import GraphLook
from engine.protocol.views import GraphView, Node, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import graph as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line

_LEVELS = ("layers", "ops")
_PAN = 8  # cells


class Anchor(NamedTuple):
    """What keeps its place on screen while a module is folded or unfolded."""

    module: str  # which one
    node: str  # the id of the value that the chosen line belongs to
    row: int  # of the pane, where that value stands
    lines: int  # of the graph before


class GraphPane(Pane):
    """Values from top to bottom, parameters from the left, gradients coming back at the right.

    Only the lines around those in view are asked of the engine: a graph may have thousands.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("v", "level", "Layers or operations"),
        ("plus", "fold(False)", "Unfold the module"),
        ("minus", "fold(True)", "Fold the module"),
        ("f", "follow", "Follow the cursor"),
        ("n", "next_found(1)", "Next found"),
        ("enter", "inspect", "Look into the line's tensor"),
        Binding("N", "next_found(-1)", "Found before", show=False),
        Binding("greater_than_sign", "pan(1)", "Pan right", show=False),
        Binding("less_than_sign", "pan(-1)", "Pan left", show=False),
        Binding("right", "pan(1)", "Pan right", show=False),
        Binding("left", "pan(-1)", "Pan left", show=False),
    ]
    about = (
        "how values are made: ▶◉ ▸ here, ● done, ○ to come, ✓ updated; ▲ norm of the gradient that came back, "
        "△ not yet, ╌ gets none; v layers or single operations, + - unfold and fold a module, / searches, f follows, "
        "< > pan"
    )

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._level = self._pan = 0
        self._toggled: dict[int, set[str]] = {0: set(), 1: set()}  # by level
        self._follow = True
        self._choice: int | None = None  # the chosen line, counts from 1
        self._search = ""
        self._widths = [0, 0, 0, 0]
        self._anchor: Anchor | None = None

    @property
    def usual(self) -> bool:
        """Whether the graph is seen as it is at first: its room is reckoned by that."""
        return not (self._level or self._toggled[0])

    def asks(self) -> dict[str, Any]:
        """A screenful of lines before and after those in view."""
        height = max(1, inner(*self.size)[1])
        toggled = sorted(self._toggled[self._level])
        first = max(1, self._top + 1 - height)
        follow = self._follow and self._choice is None
        return {"graph": GraphLook(_LEVELS[self._level], toggled, first, 3 * height, follow, self._search)}

    def part(self, snapshot: Snapshot) -> object | None:
        """The graph, and the loss that its last node shows."""
        old: GraphView | None = self.data[0] if self.data else None
        new = snapshot.graph
        if new is not None and self._anchor is not None and new.lines != self._anchor.lines:
            self._hold(self._anchor, new)
        elif self._follow and old and new and (old.at, old.direction) != (new.at, new.direction):
            self._choice = None
        return None if new is None else (new, snapshot.loss)

    def status(self) -> str:
        """Which way data flows, at which level, and what is found."""
        view: GraphView = self.data[0]
        level = f"v {_LEVELS[self._level]}"
        if self._search:
            before = sum(line <= self._choice for line in view.found) if self._choice else 0
            return f"/{self._search} {before}/{len(view.found)} · {level}"
        return f"{view.direction if self._follow else 'f still'} · {level}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The lines in view, the cursor's among them; blank ones where the engine has not sent them yet."""
        graph, loss = self.data
        self._widths = [max(pair) for pair in zip(graph.widths, self._widths, strict=True)]
        follow = self._choice or (graph.at if self._follow else 0)
        top = self.window(graph.lines, height, follow - 1 if follow else None)
        room = max(width, render.needed_width(self._widths)) if self._pan else width
        where = render.named(render.columns(self._widths, room), graph)
        rows = render.rows(graph)
        lines: list[Line] = []
        for at in range(top + 1, min(top + height, graph.lines) + 1):
            row = rows[at - graph.first] if 0 <= at - graph.first < len(rows) else None
            chosen = self.has_focus and at == self._choice
            line = render.draw(row, graph, loss, where, room, chosen) if row else []
            lines.append(render.panned(line, self._pan, width) if self._pan else line)
        spare = height - len(lines)
        return [*lines, *[[] for _ in range(spare - 1)], render.key(width, graph.direction)] if spare > 0 else lines

    def chosen_tensor(self) -> str:
        """The value of the chosen line, or what enters there."""
        row = self._row() if self._choice else None
        return (row.side or row.node).label if row else ""

    def find(self, text: str) -> None:
        """Search for a name, an operation or a module."""
        self._search = text.strip().lower()
        self._choice = None
        self._show_other()

    def show(self, snapshot: Snapshot | None) -> None:
        """Show a snapshot; the first place found comes into view by itself."""
        super().show(snapshot)
        if self.data and self._search and self._choice is None and self.data[0].found:
            self.action_next_found(1)

    def action_move(self, lines: int) -> None:
        """Choose another line."""
        if self.data and self.data[0].lines:
            now = self._choice or self.data[0].at or 1
            self._choose(max(1, min(self.data[0].lines, now + lines)))

    def action_next_found(self, by: int) -> None:
        """Choose the next line of what is searched for, or, from the last, the first."""
        found = self.data[0].found if self.data else []
        if found:
            now = self._choice or 0
            beyond = [line for line in found if (line > now if by > 0 else line < now)]
            first, last = (found[0], -1) if by < 0 else (found[0], 0)
            self._choose(beyond[last] if beyond else found[-1] if by < 0 else first)

    def action_level(self) -> None:
        """Layers, or single operations."""
        self._level = 1 - self._level
        self._choice, self._widths = None, [0, 0, 0, 0]
        self._show_other()

    def action_fold(self, fold: bool) -> None:
        """Fold the module that the chosen line is in, or unfold the one that it stands for."""
        node = self._node()
        if node and node.module and node.closed is not fold:
            graph: GraphView = self.data[0]
            line = next(at for at, row in _values(graph) if row.node.id == node.id)
            self._anchor = Anchor(node.module, node.id, line - 1 - self._top, graph.lines)
            self._toggled[self._level] ^= {node.module}
            self._show_other()

    def _hold(self, anchor: Anchor, graph: GraphView) -> None:
        """Let the value that was chosen, or the module that it is folded into, stay where it stood on screen."""
        self._anchor = None
        for line, row in _values(graph):
            closed = row.node.closed and row.node.module == anchor.module
            if row.node.id == anchor.node or closed:
                self._choice = line if self._choice else None
                self._top, self._followed = max(0, line - 1 - anchor.row), (self._choice or graph.at) - 1
                return

    def action_follow(self) -> None:
        """Keep the cursor in view, or stay where the graph was scrolled to."""
        self._follow = not self._follow
        if self._follow:
            self._choice = self._followed = None
        self._show_other()

    def action_pan(self, by: int) -> None:
        """Move to the right or left, where labels are wider than the pane; at the left end they are shortened."""
        most = max(0, render.needed_width(self._widths) - inner(*self.size)[0])
        self._pan = max(0, min(most, self._pan + by * _PAN))
        self.redraw()

    def _choose(self, line: int) -> None:
        self._choice = line
        self._show_other()

    def _show_other(self) -> None:
        self.redraw()
        self.post_message(self.Wants())

    def _node(self) -> Node | None:
        row = self._row()
        return row.node if row else None

    def _row(self) -> render.Row | None:
        """The chosen line, or else the cursor's."""
        if not self.data:
            return None
        graph: GraphView = self.data[0]
        rows = render.rows(graph)
        at = (self._choice or graph.at or 1) - graph.first
        return rows[at] if 0 <= at < len(rows) else None


def _values(graph: GraphView) -> list[tuple[int, render.Row]]:
    """The lines that values stand on, with their numbers."""
    return [(at, row) for at, row in enumerate(render.rows(graph), graph.first) if not row.edge]
