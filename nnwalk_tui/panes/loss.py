"""The loss and accuracy plots."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.protocol.messages import PlotLook
from engine.protocol.views import LossView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import loss as render
from nnwalk_tui.render import numbers
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line

_BOTH = 18  # lines from which both plots have room
_LEGEND = 8  # lines from which there is room to say what is plotted
_FEWEST = 8  # batches that can be zoomed to
_SO_FAR = (1, 0)  # the span of the epochs begun
_TITLE = 17  # cells of the border beside the status


class LossPane(Pane):
    """Training loss per batch; loss and accuracy of the validation partition."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("v", "quantity(1)", "Loss, accuracy, learning rate, plotted expressions"),
        Binding("V", "quantity(-1)", "The quantity before", show=False),
        ("y", "log", "Linear or logarithmic"),
        ("m", "smooth", "With or without the mean"),
        Binding("left", "across(-1)", "A column left", show=False),
        Binding("right", "across(1)", "A column right", show=False),
        Binding("up", "zoom(0.5)", "Nearer", show=False),
        Binding("down", "zoom(2)", "Farther", show=False),
        ("plus,equals_sign", "zoom(0.5)", "Nearer"),
        ("minus", "zoom(2)", "Farther"),
        ("enter", "go", "Choose a batch with the arrows; go there"),
    ]
    about = (
        "each batch's loss before its update, least to greatest where many share a column; │ the cursor, ┊ epochs, "
        "● validation; Enter, arrows, Enter: go to a batch"
    )
    looks = frozenset({"curves"})

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._quantity = "loss"
        self._options = render.Options()
        self._span = _SO_FAR
        self._so_far = 1  # batches of the epochs begun
        self._plotted: tuple[object, ...] = ()
        self._lines: list[Line] = []

    @property
    def wanted(self) -> int:
        """How many buckets of the curve can be told apart: two a cell."""
        return max(1, 2 * self._cells())

    def _cells(self) -> int:
        return max(1, inner(*self.size)[0] - render.GUTTER - 1)

    def asks(self) -> dict[str, Any]:
        """As many buckets as can be told apart, and what is plotted."""
        return {"columns": self.wanted, "plot": PlotLook(self._quantity, *self._span, self._options.chosen)}

    def part(self, snapshot: Snapshot) -> object | None:
        """The curves, and how many batches an epoch has."""
        return snapshot.curves and (snapshot.curves, snapshot.run.batches)

    def status(self) -> str:
        """What is plotted how; the latest validation numbers where that is the usual."""
        view: LossView = self.data[0]
        bad = view.train.nonfinite
        if bad and inner(*self.size)[1] < _LEGEND:
            return f"{render.signs().bad} {render.not_finite(view.train)}"
        how = " · y log" if self._options.log else ""
        zoomed = f" · {view.first}…{view.last}" if self._span != _SO_FAR else ""
        if view.quantity != "loss" or how or zoomed:
            return f"v {view.quantity}{how}{zoomed}"
        return self._validation(view)

    def _validation(self, view: LossView) -> str:
        """The latest validation numbers, and when they were taken; in fewer words where the pane is narrow."""
        taken = [at for at in view.valid_iterations if at <= view.position]
        if not taken:
            return ""
        epoch = taken[-1] // self.data[1]
        loss = numbers.number(view.valid_loss[len(taken) - 1], decimals=3).strip()
        known = view.valid_accuracy[len(taken) - 1]
        accuracy = "" if known is None else numbers.number(known, decimals=3).strip()
        mark = render.signs().mark
        times = (f"after epoch {epoch}", f"epoch {epoch}") if epoch else ("before training", "before")
        full, *shorter = (f"{mark} {when}: valid {loss}{accuracy and f' · acc {accuracy}'}" for when in times)
        forms = (full, *shorter, f"{mark} {times[1]}: {loss}{accuracy and f' · acc {accuracy}'}")
        least = f"{mark} {loss}{accuracy and f' · {accuracy}'}"
        return next((form for form in forms if len(form) <= self.size.width - _TITLE), least)

    def draw(self, width: int, height: int) -> list[Line]:
        """The plot, made anew only for other data or another size."""
        made_for = (self.data, width, height, self._options)
        if made_for != self._plotted:
            self._plotted, self._lines = made_for, self._plot(width, height)
        return self._lines

    def _plot(self, width: int, height: int) -> list[Line]:
        view: LossView = self.data[0]
        legend = render.legend(view, self._options, width)
        upper = _height_of_losses(height, view, self._options)
        plot = render.losses(view, width, upper, self._options)
        if upper < height - 1:
            lower = render.accuracies(view, width, height - upper - 2, self._options)
            return [legend, *plot, _accuracies(view), *lower]
        return [legend, *plot] if upper < height else plot

    # what the keys do

    def action_quantity(self, by: int) -> None:
        """Plot another quantity."""
        names = self.data[0].quantities if self.data else []
        if names:
            at = names.index(self._quantity) if self._quantity in names else 0
            self._quantity = names[(at + by) % len(names)]
            self.post_message(self.Wants())

    def action_log(self) -> None:
        """A linear or a logarithmic axis."""
        self._set(log=not self._options.log)

    def action_smooth(self) -> None:
        """With or without the mean."""
        self._set(smooth=not self._options.smooth)

    def action_across(self, columns: int) -> None:
        """Choose a batch a column further right, or left."""
        if not self.data:
            return
        view: LossView = self.data[0]
        first, last = view.first, view.last or view.iterations
        step = max(1, round((last - first) / self._cells()))
        now = self._options.chosen or max(first, min(view.position, last))
        self._set(chosen=max(max(1, first), min(now + columns * step, last)))

    def action_zoom(self, factor: float) -> None:
        """Half of the batches, around the chosen one or the cursor; or twice as many, up to the whole run."""
        if not self.data:
            return
        view: LossView = self.data[0]
        total, last = view.iterations, view.last or view.iterations
        if self._span == _SO_FAR:
            self._so_far = last
        middle = self._options.chosen or view.position
        size = max(_FEWEST, round((last - view.first + 1) * factor))
        first = max(1, min(middle - size // 2, self._so_far - size + 1))
        if size < self._so_far:
            self._span = (first, first + size - 1)
        else:
            self._span = (1, total) if factor > 1 and self._span == _SO_FAR else _SO_FAR
        self.post_message(self.Wants())

    def action_go(self) -> None:
        """Give the arrows to the plot's own cursor; then go where it is."""
        view: LossView | None = self.data[0] if self.data else None
        if not self._options.chosen or view is None:
            if view is not None:
                self.action_across(0)
            self.post_message(self.Asked("enter"))
        elif view.chosen is not None and view.chosen.iteration == self._options.chosen:
            self._set(chosen=0)
            self.post_message(self.Asked(f"goto {view.chosen.epoch}:{view.chosen.batch}"))

    def on_blur(self) -> None:
        """Take the plot's own cursor away."""
        super().on_blur()
        if self._options.chosen:
            self._set(chosen=0)

    def _set(self, **options: Any) -> None:
        self._options = self._options._replace(**options)
        self.redraw()
        self.post_message(self.Wants())


def _height_of_losses(height: int, view: LossView, options: render.Options) -> int:
    """The lines that the upper plot has, of those of the pane: beside the accuracies, below a legend, or all."""
    if height >= _BOTH and view.quantity == "loss" and _is_judged(view):
        return height * 2 // 3
    return height if height < _LEGEND and not options.chosen else height - 1


def _is_judged(view: LossView) -> bool:
    """Whether there are accuracies: before a batch has run, only a validation can tell."""
    return bool(view.accuracy.x) or any(each is not None for each in view.valid_accuracy)


def _accuracies(view: LossView) -> Line:
    sign = render.signs()
    mean: Line = [(f" {sign.line}", "forward"), (" accuracy, mean  ", "quiet")]
    taken = any(each is not None for each in view.valid_accuracy)
    return [*mean, (sign.mark, "text"), (" validation", "quiet")] if taken else mean
