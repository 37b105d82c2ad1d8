"""The loss and accuracy plots."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import BindingType

from engine.views import LossView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import loss as render
from nnwalk_tui.render import numbers
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line

_BOTH = 18  # lines from which both plots have room
_LEGEND = 8  # lines from which there is room to say what is plotted
_TITLE = 17  # cells of the border beside the status


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

    def asks(self) -> dict[str, Any]:
        """As many buckets as can be told apart."""
        return {"columns": self.wanted}

    def part(self, snapshot: Snapshot) -> object | None:
        """The curves, and how many batches an epoch has."""
        return snapshot.curves and (snapshot.curves, snapshot.run.batches)

    def status(self) -> str:
        """The latest validation numbers, and when they were taken; in fewer words where the pane is narrow."""
        view: LossView = self.data[0]
        if not view.valid_iterations:
            return ""
        epoch = view.valid_iterations[-1] // self.data[1]
        loss, accuracy = (
            numbers.number(values[-1], decimals=3).strip() for values in (view.valid_loss, view.valid_accuracy)
        )
        times = (f"after epoch {epoch}", f"epoch {epoch}") if epoch else ("before training", "before")
        full, *shorter = (f"● {when}: valid {loss} · acc {accuracy}" for when in times)
        forms = (full, *shorter, f"● {times[1]}: {loss} · acc {accuracy}")
        return next((form for form in forms if len(form) <= self.size.width - _TITLE), f"● {loss} · {accuracy}")

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
        view: LossView = self.data[0]
        if height >= _BOTH:
            upper = height * 2 // 3
            lower = render.accuracies(view, width, height - upper - 2)
            return [_LOSSES, *render.losses(view, width, upper), _ACCURACIES, *lower]
        plot, legend = (render.accuracies, _ACCURACIES) if self._accuracy else (render.losses, _LOSSES)
        return [legend, *plot(view, width, height - 1)] if height >= _LEGEND else plot(view, width, height)


_LOSSES: Line = [(" ─", "forward"), (" batch, before its update  ", "quiet"), ("●", "text"), (" validation", "quiet")]
_ACCURACIES: Line = [(" ●", "text"), (" validation accuracy", "quiet")]
