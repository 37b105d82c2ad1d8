"""The loss and accuracy plots."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from engine.views import LossView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import loss as render
from nnwalk_tui.render import numbers
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line

_BOTH = 18  # lines from which both plots have room


class LossPane(Pane):
    """Training loss per batch; loss and accuracy of the validation partition."""

    BINDINGS: ClassVar[list[BindingType]] = [("v", "other", "Loss or accuracy")]
    pane_name = "loss"
    pane_title = "loss"
    number = 4
    about = (
        "loss of each batch before its update (least to greatest where many share a column), ● validation; v accuracy"
    )
    looks = frozenset({"curves"})

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._accuracy = False
        self._plotted: tuple[object, ...] = ()
        self._lines: list[Line] = []

    @property
    def wanted(self) -> int:
        """How many buckets of the curve can be told apart: two a cell."""
        return max(1, 2 * (inner(*self.size)[0] - render.GUTTER - 1))

    def part(self, snapshot: Snapshot) -> object | None:
        """The curves."""
        return snapshot.curves

    def status(self) -> str:
        """The latest validation numbers."""
        view: LossView = self.data
        words = [("valid", view.valid_loss), ("acc", view.valid_accuracy)]
        known = [f"{word} {numbers.number(values[-1], decimals=3).strip()}" for word, values in words if values]
        return f"● {' · '.join(known)}" if known else ""

    def draw(self, width: int, height: int) -> list[Line]:
        """The plot, made anew only for other data or another size."""
        made_for = (self.data, width, height, self._accuracy)
        if made_for != self._plotted:
            self._plotted, self._lines = made_for, self._plot(width, height)
        return self._lines

    def action_other(self) -> None:
        """Show the accuracy instead of the loss, or back."""
        self._accuracy = not self._accuracy
        self.redraw()

    def _plot(self, width: int, height: int) -> list[Line]:
        if height >= _BOTH:
            upper = height * 2 // 3
            lower = render.accuracies(self.data, width, height - upper - 1)
            return [*render.losses(self.data, width, upper), [(" validation accuracy", "quiet")], *lower]
        return (render.accuracies if self._accuracy else render.losses)(self.data, width, height)
