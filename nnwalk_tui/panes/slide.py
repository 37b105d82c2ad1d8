"""A convolution, cell by cell."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from textual import events
from textual.binding import Binding, BindingType

from engine.protocol.messages import SlideLook
from engine.protocol.views import SlideView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import slide as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line, wrap


class SlidePane(Pane):
    """The kernel over a digit or a feature map: patch times kernel is a cell; and where its gradient goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "slide(0, -1)", "The cell at the left", show=False),
        Binding("right", "slide(0, 1)", "The cell at the right", show=False),
        ("v", "turn", "Forward, backward"),
        ("n", "channel(1)", "The next output channel"),
        Binding("N", "channel(-1)", "The output channel before", show=False),
        ("c", "within(1)", "The next channel that it reads"),
        Binding("C", "within(-1)", "The channel that it reads before", show=False),
        ("m", "convolution(1)", "The next convolution"),
        Binding("M", "convolution(-1)", "The convolution before", show=False),
        ("f", "follow", "The cursor's convolution"),
    ]
    about = (
        "one cell of a convolution: the patch under the kernel, times the kernel, summed; backward, what its gradient "
        "sends to patch, kernel and bias; Enter, then arrows, or a click on the right map, choose the cell"
    )

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._look = SlideLook()

    def asks(self) -> dict[str, Any]:
        """Which cell."""
        return {"slide": self._look}

    def part(self, snapshot: Snapshot) -> object | None:
        """The cell."""
        return snapshot.slide

    def status(self) -> str:
        """Which convolution, and which way."""
        view: SlideView = self.data
        return "" if view.problem else f"m {view.convolution} of {view.convolutions} · v {view.direction}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The maps and the numbers."""
        view: SlideView = self.data
        if view.problem:
            return [[(f" {line}", "quiet")] for line in wrap(view.problem, width - 1)]
        return render.draw(view, width, height)

    # what the keys do

    def action_slide(self, down: int, across: int) -> None:
        """Another cell."""
        if self.data is not None and not self.data.problem:
            view: SlideView = self.data
            self._cell(view.row + down, view.column + across)

    def action_move(self, lines: int) -> None:
        """A cell further down, or up."""
        self.action_slide(lines, 0)

    def action_turn(self) -> None:
        """The other direction."""
        now = self._look.direction if self.data is None or self.data.problem else self.data.direction
        self._set(direction="forward" if now == "backward" else "backward")

    def action_channel(self, by: int) -> None:
        """Another channel of the output."""
        if self.data is not None and not self.data.problem:
            self._set(channel=(self.data.channel - 1 + by) % self.data.channels + 1)

    def action_within(self, by: int) -> None:
        """Another channel of those that it reads."""
        if self.data is not None and not self.data.problem:
            self._set(within=(self.data.within - 1 + by) % self.data.withins + 1)

    def action_convolution(self, by: int) -> None:
        """Another convolution of the batch."""
        if self.data is not None:
            now = self._look.convolution or self.data.convolution
            self._set(convolution=max(1, min(now + by, max(now, self.data.convolutions))), row=0, column=0)

    def action_follow(self) -> None:
        """The convolution at the cursor, in the direction that it goes."""
        self._set(convolution=0, direction="")

    def on_click(self, event: events.Click) -> None:
        """Choose the cell under the mouse."""
        if self.data is None or self.data.problem:
            return
        view: SlideView = self.data
        where = render.places(view, *inner(*self.size))
        found = where[1].find(view.maps[1], event.x - 1, event.y - 1) if where else None
        if found is not None:
            self._cell(view.row + found[0] - view.at[0], view.column + found[1] - view.at[1])

    def _cell(self, row: int, column: int) -> None:
        view: SlideView = self.data
        self._set(row=max(1, min(row, view.rows)), column=max(1, min(column, view.columns)))

    def _set(self, **changes: Any) -> None:
        self._look = msgspec.structs.replace(self._look, **changes)
        self.redraw()
        self.post_message(self.Wants())
