"""The gradients of all parameters and layers."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.views import Gradient, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import distribution
from nnwalk_tui.render import gradients as render
from nnwalk_tui.render.frame import inner
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
    pane_name = "gradients"
    pane_title = "gradients"
    number = 3
    about = (
        "norms on one log scale, ↓ the smallest, v: of dW, db or dZ; seen: in the batches that were looked at; "
        "‖Δ‖/‖θ‖: how far the update moved a parameter, usually 10⁻³, ▲ ten times more, ▼ less; "
        "↑ ↓ choose one, h: histogram, over time"
    )
    looks = frozenset({"gradients"})

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._scales: dict[bool, render.Scale] = {}  # of the parameters' gradients, and (True) of those of Z
        self._scaled: list[tuple[str, float | None]] = []  # the rows that were shown when they last changed
        self._mode = self._form = self._choice = 0

    @property
    def mode(self) -> str:
        """Which gradients are shown: "dW db", "dW", …"""
        return render.MODES[self._mode]

    def parts(self) -> frozenset[str]:
        """A distribution, too, where one is shown."""
        return self.looks | {"distribution"} if self._form else self.looks

    def asks(self) -> dict[str, Any]:
        """A history, and the distribution of the chosen gradient."""
        chosen = self._chosen()
        width, _ = inner(*self.size)
        points = max(render.MOST_HISTORY, width if self._form == 2 else 0)
        name = f"d{chosen.name}" if chosen else ""
        look = {"gradient_points": points, "gradient": name, "bins": distribution.bins(width)}
        return look | {"gradient_layers": self._layers_around()}

    def _layers_around(self) -> tuple[int, int] | None:
        """The first and last layer of the rows in view and a screenful around them; None where all are."""
        height = max(1, inner(*self.size)[1])
        rows = self._rows()[max(0, self._top - height) : self._top + 2 * height]
        return (min(row.layer for row in rows), max(row.layer for row in rows)) if rows else None

    def part(self, snapshot: Snapshot) -> object | None:
        """The gradients, and the distribution of one."""
        return None if snapshot.gradients is None else (snapshot.gradients, snapshot.distribution)

    def status(self) -> str:
        """What is shown, and by which keys."""
        return f"h {_FORMS[self._form]} · v {self.mode}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The axis and the gradients in view, or the distribution of the chosen one."""
        gradients, spread = self.data
        rows = render.shown(gradients, self.mode)
        across = self._scale(gradients, rows)
        if self._form:
            return self._distribution(spread, width, height)
        where = render.columns(gradients, width, across)
        chosen = self._choice if self.has_focus else None
        least = render.smallest(rows)
        first = self.window(len(rows), height - 1, chosen)
        gaps = render.gaps(rows, height - 1 - len(rows))
        lines = [render.axis(where, across)]
        for at, each in enumerate(rows[first : first + height - 1], first):
            if at in gaps:
                lines.append(render.between(where, across))
            lines.append(render.row(each, where, across, at == chosen, each.name == least))
        return [*lines, *self._legend(width, height - len(lines))]

    def _scale(self, gradients: list[Gradient], rows: list[Gradient]) -> render.Scale:
        """That of the parameters or of Z, so that it stays from dW to db; it moves only when a shown row changes."""
        pre_activations = self.mode == "dZ"
        now = [(each.name, each.norm) for each in rows]
        if now != self._scaled or pre_activations not in self._scales:
            alike = render.shown(gradients, "dZ" if pre_activations else "dW db")
            self._scales[pre_activations] = render.scale(alike, self._scales.get(pre_activations))
            self._scaled = now
        return self._scales[pre_activations]

    def _legend(self, width: int, spare: int) -> list[Line]:
        """What the signs mean, where there is room for it below a blank line."""
        words = render.legend(width)
        return [[], *words] if spare > len(words) else []

    def _distribution(self, spread: Any, width: int, height: int) -> list[Line]:
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
        rows = self._rows()
        if rows:
            self._choice = max(0, min(len(rows) - 1, self._choice + lines))
            self._show_other()

    def action_mode(self, step: int) -> None:
        """Show other gradients."""
        self._mode = (self._mode + step) % len(render.MODES)
        self._choice = min(self._choice, max(0, len(self._rows()) - 1))
        self._show_other()

    def action_form(self) -> None:
        """Bars of all, the histogram of the chosen one, or its distribution over time."""
        self._form = (self._form + 1) % len(_FORMS)
        self._show_other()

    def _show_other(self) -> None:
        self.redraw()
        self.post_message(self.Wants())

    def _rows(self) -> list[Gradient]:
        return render.shown(self.data[0], self.mode) if self.data else []

    def _chosen(self) -> Gradient | None:
        rows = self._rows()
        return rows[self._choice] if self._choice < len(rows) else None
