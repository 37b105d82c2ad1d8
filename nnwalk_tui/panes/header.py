"""What runs, and where the run is."""

from __future__ import annotations

from engine.protocol.positions import Status
from engine.protocol.views import Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render.header import header
from nnwalk_tui.render.text import Line


class HeaderPane(Pane, can_focus=False):
    """One line: the experiment at the left, the position and the batch's numbers at the right."""

    DEFAULT_CSS = "HeaderPane { height: 1; }"
    about = "what is trained; epoch, batch, this batch's loss (before its update) and accuracy, learning rate"
    bordered = False

    _caption = ""

    def caption(self, text: str) -> None:
        """Say this in place of a run that what is read has nothing to do with; "" tells the run again."""
        self._caption = text
        self.redraw()

    def part(self, snapshot: Snapshot) -> object:
        """Only what the line says, so that other changes do not draw it again."""
        bare = (snapshot.position, snapshot.loss, snapshot.accuracy, snapshot.learning_rate)
        losses, rates = snapshot.losses, snapshot.rate_range
        return Snapshot(
            snapshot.run, Status.PAUSED, *bare, None, None, losses=losses, rate_range=rates, judged=snapshot.judged
        )

    def _content(self, width: int, height: int) -> list[Line]:
        if self._caption:
            return [[(" nnwalk", "title"), (f"  {self._caption}", "text")]]
        return super()._content(width, height)

    def draw(self, width: int, height: int) -> list[Line]:
        """The line."""
        return [header(self.data, width)]
