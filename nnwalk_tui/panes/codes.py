"""Codes of examples in the plane."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.protocol.messages import CodesLook
from engine.protocol.views import CodesView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import codes as render
from nnwalk_tui.render.text import Line, wrap


class CodesPane(Pane):
    """Two numbers of each training example's code, as its class; they move while the model learns."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("v", "pair(1)", "The next two numbers of the code"),
        Binding("V", "pair(-1)", "The two numbers before", show=False),
    ]
    about = "where the codes of training examples lie, each written as its class, as the model is at the cursor"

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._pair = 0

    def asks(self) -> dict[str, Any]:
        """The two numbers."""
        return {"codes": CodesLook(self._pair)}

    def part(self, snapshot: Snapshot) -> object | None:
        """The codes."""
        return snapshot.codes

    def status(self) -> str:
        """Which numbers, and of how many examples."""
        view: CodesView = self.data
        if view.problem or not view.axes:
            return ""
        numbers = f"{view.axes[0]} and {view.axes[1]} of {view.width}"
        return f"{'v ' if view.width > 3 else ''}{numbers} · {len(view.points)} of {view.total} examples"

    def draw(self, width: int, height: int) -> list[Line]:
        """The plane."""
        view: CodesView = self.data
        if view.problem:
            return [[(f" {line}", "quiet")] for line in wrap(view.problem, width - 1)]
        return render.draw(view, width, height)

    def action_pair(self, by: int) -> None:
        """See two other numbers."""
        width = self.data.width if self.data else 0
        self._pair = (self._pair + by) % max(1, width // 2)
        self.redraw()
        self.post_message(self.Wants())
