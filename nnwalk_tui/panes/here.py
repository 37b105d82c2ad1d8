"""What the cursor's event does."""

from __future__ import annotations

from pathlib import Path

from engine.protocol.views import Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import here as render
from nnwalk_tui.render.text import Line


class HerePane(Pane):
    """The operation in the course's notation, shapes under its factors, and one value worked out."""

    about = (
        "the rule of the event that was just done, shapes under its factors, the other direction, one value worked out"
    )

    def part(self, snapshot: Snapshot) -> object | None:
        """The event; another one is read from its start."""
        if self.data and snapshot.here and snapshot.here.number != self.data.number:
            self._top = 0
        return snapshot.here

    def status(self) -> str:
        """Where in the model's code the event comes from."""
        return render.source(self.data.source, Path.cwd()) if self.data.source else str(self.data.path)

    def before_training(self, width: int) -> list[Line]:
        """What to press."""
        return render.before_training(width)

    def draw(self, width: int, height: int) -> list[Line]:
        """The lines in view."""
        lines = render.here(self.data, width, height)
        first = self.window(len(lines), height, None)
        return lines[first : first + height]
