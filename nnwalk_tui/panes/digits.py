"""The examples of the batch."""

from __future__ import annotations

from typing import Any

from engine.views import BatchView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import digits as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line

_TABLE = 64  # examples without pictures to ask for at most


class DigitsPane(Pane):
    """Pictures with label, prediction and probability; a table where there are no pictures."""

    pane_name = "digits"
    pane_title = "digits"
    number = 5
    about = (
        "examples of this batch: label→prediction ✓, [label→prediction ✗] where wrong, and the prediction's probability"
    )
    looks = frozenset({"batch"})

    @property
    def wanted(self) -> int:
        """How many examples of the batch the pane can show: for the engine to send no more."""
        width, height = inner(*self.size)
        if not self.size or self.data is None:
            return 16
        layout = render.grid(width, height, self.data.examples)
        return max(1, layout.pictures if layout else _TABLE)

    def asks(self) -> dict[str, Any]:
        """As many examples as can be seen."""
        return {"digits": self.wanted}

    def part(self, snapshot: Snapshot) -> object | None:
        """The batch."""
        return snapshot.batch

    def before_training(self, width: int) -> list[Line]:
        """Where the pictures come from."""
        return [[(" the first batch comes with the first step", "quiet")]]

    def status(self) -> str:
        """How many there are, and how many are right."""
        batch: BatchView = self.data
        return str(batch.size) if batch.right is None else f"{batch.size} · {batch.right} right"

    def draw(self, width: int, height: int) -> list[Line]:
        """The pictures that fit, or the rows in view."""
        examples = self.data.examples
        layout = render.grid(width, height, examples)
        if layout:
            return render.pictures(examples, layout, width)
        first = self.window(len(examples), height)
        return [render.table_row(each) for each in examples[first : first + height]]
