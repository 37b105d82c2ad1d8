"""What the engine and the user's code printed."""

from __future__ import annotations

from collections import deque
from itertools import islice

from rich.text import Text

from engine.protocol.views import Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render.text import Line, clean

_MOST = 10_000


class LogPane(Pane):
    """Printed lines, the latest at the bottom; it stays where it was scrolled to."""

    about = "what the engine and the model's code printed, and every warning; the latest at the bottom"

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.data = deque[str](maxlen=_MOST)
        self._at_end = True

    def show(self, snapshot: Snapshot | None) -> None:
        """The log does not depend on snapshots."""

    def add(self, text: str) -> None:
        """Append printed text, a line or more; control sequences in it are not obeyed."""
        for line in text.rstrip("\n").split("\n"):
            self.data.append(clean(Text.from_ansi(line).plain.expandtabs(8)))
        self.redraw()

    def status(self) -> str:
        """How many lines there are."""
        return f"{len(self.data)}" if self.data else ""

    def draw(self, width: int, height: int) -> list[Line]:
        """The lines in view."""
        total = len(self.data)
        if not total:
            return [[(" nothing was printed yet", "quiet")]]
        if self._at_end:
            self._top = total
        first = self.window(total, height)
        self._at_end = first + height >= total
        return [[(f" {line}", "text")] for line in islice(self.data, first, first + height)]

    def action_move(self, lines: int) -> None:
        """Scroll; at the last line the log follows again."""
        self._at_end = False
        super().action_move(lines)
