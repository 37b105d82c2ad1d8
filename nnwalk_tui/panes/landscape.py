"""The loss around the parameters."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from engine.protocol.messages import LandscapeLook
from engine.protocol.views import LandscapeView
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import landscape as render
from nnwalk_tui.render.text import Line

KINDS = ("parameter", "update", "plane")
_WORDS = {"parameter": "along a parameter", "update": "along the update", "plane": "two directions"}


class LandscapePane(Pane):
    """ℒ along one parameter, along this batch's update, or over two random directions; computed while one looks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("v", "kind(1)", "Along a parameter, the update, two directions"),
        Binding("V", "kind(-1)", "The view before", show=False),
        ("plus,equals_sign", "zoom(0.5)", "Nearer"),
        ("minus", "zoom(2)", "Farther"),
        ("n", "seed(1)", "Other random directions"),
        ("N", "seed(-1)", "The directions before"),
        ("slash", "choose", "Along another parameter"),
    ]
    about = "this batch's ℒ around its parameters: ◉ here, ┄ the slope, ◀ ▶ where the step leads; • the way taken"

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._look = LandscapeLook()

    def asks(self) -> dict[str, Any]:
        """Which landscape."""
        return {"landscape": self._look}

    def along(self, parameter: str) -> None:
        """Show it along a parameter."""
        self._set(kind="parameter", parameter=parameter)

    def status(self) -> str:
        """Which it is, and how near."""
        zoom = "" if self._look.zoom == 1.0 else f" · zoom {1 / self._look.zoom:g}"
        return f"v {_WORDS[self._look.kind]}{zoom}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The curve or the map."""
        view: LandscapeView = self.data
        if view.problem:
            return [[(f" {view.problem}", "quiet")]]
        return render.draw(view, width, height)

    # what the keys do

    def action_kind(self, by: int) -> None:
        """Show another landscape."""
        self._set(kind=KINDS[(KINDS.index(self._look.kind) + by) % len(KINDS)], zoom=1.0)

    def action_zoom(self, factor: float) -> None:
        """Nearer, or farther."""
        self._set(zoom=max(2.0**-10, min(self._look.zoom * factor, 2.0**10)))

    def action_seed(self, by: int) -> None:
        """Other random directions."""
        self._set(seed=max(0, self._look.seed + by))

    def action_choose(self) -> None:
        """Let a parameter be typed."""
        self.post_message(self.Asked("command landscape "))

    def _set(self, **changes: Any) -> None:
        known = {name: getattr(self._look, name) for name in self._look.__struct_fields__}
        self._look = LandscapeLook(**known | changes)
        self.redraw()
        self.post_message(self.Wants())
