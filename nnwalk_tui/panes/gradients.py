"""The gradients of all parameters and layers."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.protocol.messages import GradientLook
from engine.protocol.views import Distribution, Gradient, Gradients, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import distribution
from nnwalk_tui.render import gradients as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.spelled import awaited
from nnwalk_tui.render.text import Line

_FORMS = ("bars", "histogram", "over time")


class GradientsPane(Pane):
    """Norms as bars on one logarithmic scale, how far each parameter moved, and how the values of one are spread."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("v", "mode(1)", "dW, db or dZ"),
        Binding("V", "mode(-1)", "The one before", show=False),
        ("h", "form", "Histogram, over time"),
        ("enter", "inspect", "Look into it"),
    ]
    about = (
        "norms on one log scale, the least is marked, v: of dW, db or dZ (of a recurrent cell dH, by time); "
        "seen: in the batches that were looked at; "
        "‖Δ‖/‖θ‖: how far the update moved a parameter, usually 10⁻³, ▲ ten times more, ▼ less; "
        "↑ ↓ choose one, h: histogram, over time"
    )

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._scales: dict[bool, render.Scale] = {}  # of the parameters' gradients, and (True) of those of Z
        self._scaled: list[tuple[str, float | None]] = []  # the rows that there were when they last changed
        self._mode = self._form = self._choice = 0

    @property
    def mode(self) -> str:
        """Which gradients are shown: "dW db", "dW", …"""
        return render.MODES[self._mode]

    def parts(self) -> frozenset[str]:
        """A distribution, too, where one is shown."""
        return self.looks | {"distribution"} if self._form else self.looks

    def asks(self) -> dict[str, Any]:
        """The rows in view and a screenful around them, with a history, and the distribution of the chosen one."""
        width, height = inner(*self.size)
        chosen = self._chosen()
        look = GradientLook(
            self.mode,
            max(0, self._top - height),
            3 * max(1, height),
            max(render.MOST_HISTORY, width if self._form == 2 else 0),
            f"d{chosen.name}" if chosen else "",
            distribution.bins(width),
        )
        return {"gradients": look}

    def part(self, snapshot: Snapshot) -> object | None:
        """The gradients, and the distribution of one."""
        return None if snapshot.gradients is None else (snapshot.gradients, snapshot.distribution)

    def status(self) -> str:
        """What is shown, and by which keys."""
        return f"h {_FORMS[self._form]} · v {self.mode}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The axis and the gradients in view, or the distribution of the chosen one."""
        view: Gradients = self.data[0]
        self._choice = max(0, min(view.total - 1, self._choice))  # another mode may have fewer
        across = self._scale(view)
        if self._form:
            return self._distribution(self.data[1], width, height)
        where = render.named(render.columns(view.longest, width, across), view.rows)
        first = self.window(view.total, height - 1, self._choice if self.has_focus else None)
        gaps = render.gaps(view.rows, height - 1 - view.total)
        lines = [render.axis(where, across, view.seen, view.batches)]
        for at in range(first, min(view.total, first + height - 1)):
            if at in gaps:
                lines.append(render.between(where, across))
            lines.append(self._line(at, where, across))
        return [*lines, *self._legend(where, width, height - len(lines))]

    def _line(self, at: int, where: render.Columns, across: render.Scale) -> Line:
        gradient = self._row(at)
        if gradient is None:
            return awaited()
        return render.row(gradient, where, across, at == self._choice, gradient.name == self.data[0].smallest)

    def _scale(self, view: Gradients) -> render.Scale:
        """That of the parameters or of Z, so that it stays from dW to db; it moves only when a row changes."""
        pre_activations = view.mode == "dZ"
        now = [(each.name, each.norm) for each in view.rows]
        if now != self._scaled or pre_activations not in self._scales:
            self._scales[pre_activations] = render.scale(view.span, self._scales.get(pre_activations))
            self._scaled = now
        return self._scales[pre_activations]

    def _legend(self, where: render.Columns, width: int, spare: int) -> list[Line]:
        """What the signs mean, where there is room for it below a blank line."""
        words = render.legend(where, width, any(row.carried for row in self.data[0].rows))
        return [[], *words] if spare > len(words) else []

    def _distribution(self, spread: Distribution | None, width: int, height: int) -> list[Line]:
        chosen = self._chosen()
        over_time = self._form == 2
        if chosen is None or spread is None or spread.name != f"d{chosen.name}" or not (spread.known or over_time):
            before = ", and no batch before was seen with this pane" if over_time else ""
            return [[(f" d{chosen.name if chosen else ''} is not computed yet{before}", "quiet")]]
        return (distribution.over_time if over_time else distribution.histogram)(spread, width, height)

    def chosen_tensor(self) -> str:
        """The chosen gradient."""
        chosen = self._chosen()
        return f"d{chosen.name}" if chosen else ""

    def action_move(self, lines: int) -> None:
        """Choose another gradient."""
        if self.data and self.data[0].total:
            self._choice = max(0, min(self.data[0].total - 1, self._choice + lines))
            self._show_other()
            chosen = self._chosen()
            self.post_message(self.Said(render.noted(chosen) if chosen else ""))

    def action_mode(self, step: int) -> None:
        """Show other gradients."""
        self._mode = (self._mode + step) % len(render.MODES)
        self._show_other()

    def action_form(self) -> None:
        """Bars of all, the histogram of the chosen one, or its distribution over time."""
        self._form = (self._form + 1) % len(_FORMS)
        self._show_other()

    def _show_other(self) -> None:
        self.redraw()
        self.post_message(self.Wants())

    def _row(self, at: int) -> Gradient | None:
        """A row by its place, from 0; None where the engine has not sent it."""
        view: Gradients = self.data[0]
        return view.rows[at - view.first] if 0 <= at - view.first < len(view.rows) else None

    def _chosen(self) -> Gradient | None:
        return self._row(self._choice) if self.data else None
