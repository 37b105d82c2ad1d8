"""A digit drawn by hand."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType

from engine.protocol.messages import DrawLook
from engine.protocol.views import DrawView, Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import draw as render
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line, wrap

Place = tuple[float, float]  # of a pixel: across and down, from the top left
_REACH, _STEP = 1.8, 0.5  # pixels: where a stroke's ink ends, beyond its full middle; between two dots of it


class DrawPane(Pane):
    """A sheet to draw a digit on, with the mouse or a pen that the arrows move; the network judges it as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "pen(-1, 0)", "The pen to the left", show=False),
        Binding("right", "pen(1, 0)", "The pen to the right", show=False),
        ("d", "down", "Pen down, or up; Enter gives it the arrows"),
        ("backspace", "undo", "Take the last stroke back"),
        ("delete,c", "clear", "Clear the sheet"),
    ]
    about = (
        "a digit drawn with the mouse, or a pen that d sets down and arrows move after Enter: sized and centred as "
        "MNIST's are, judged by the network as it is at the cursor; it trains nothing"
    )

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._sheets = [bytes(render.SIDE**2)]  # as it was before each stroke, and now
        self._pen: Place = (render.SIDE // 2, render.SIDE // 4)
        self._is_down = False

    @property
    def ink(self) -> bytes:
        """What is drawn: 28 × 28 levels, 0…255."""
        return self._sheets[-1]

    def asks(self) -> dict[str, Any]:
        """What the network makes of this ink."""
        return {"draw": DrawLook(self.ink)}

    def part(self, snapshot: Snapshot) -> object | None:
        """What it makes of it."""
        return snapshot.draw

    def status(self) -> str:
        """What it is taken for, or how to draw."""
        view: DrawView = self.data
        if not view.likely:
            return "pen down" if self._is_down else "d pen"
        best = max(range(len(view.likely)), key=view.likely.__getitem__)
        return f"taken for {view.classes[best]}: {view.likely[best]:.2f}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The sheet, the digit as it is given to the network, and the probabilities."""
        view: DrawView = self.data
        if view.problem:
            return [[(f" {line}", "quiet")] for line in wrap(view.problem, width - 1)]
        if height < render.SIDE // 2 + 1 or width < render.SIDE + 2:
            return [[(" no room for a sheet: z gives this pane the screen", "quiet")]]
        return render.draw(view, self.ink, self._pen, self._is_down, width, height)

    def stroke(self, places: list[Place]) -> None:
        """Draw a line through these pixels, counted from 0."""
        self._begin(places[0])
        for place in places[1:]:
            self._go_on(place)
        self._is_down = False
        self._show()

    # what the keys do

    def action_pen(self, across: int, down: int) -> None:
        """Move the pen by a pixel; where it is down, it draws."""
        most = render.SIDE - 1
        place = (min(max(self._pen[0] + across, 0), most), min(max(self._pen[1] + down, 0), most))
        if self._is_down:
            self._go_on(place)
        self._pen = place
        self._show()

    def action_move(self, lines: int) -> None:
        """Move the pen up or down."""
        self.action_pen(0, lines)

    def action_down(self) -> None:
        """Set the pen down, or lift it."""
        self._is_down = not self._is_down
        if self._is_down:
            self._begin(self._pen)
        self._show()

    def action_undo(self) -> None:
        """Take the last stroke back."""
        self._is_down = False
        if len(self._sheets) > 1:
            self._sheets.pop()
        self._show()

    def action_clear(self) -> None:
        """Begin with an empty sheet; undo brings the last one back."""
        self._is_down = False
        if any(self.ink):
            self._sheets.append(bytes(render.SIDE**2))
        self._show()

    # what the mouse does

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin a stroke."""
        place = self._under(event)
        if place is not None:
            self.capture_mouse()
            self._begin(place)
            self._is_down = True
            self._show()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Go on with it."""
        place = self._under(event)
        if place is not None and event.button and self._is_down:
            self._go_on(place)
            self._show()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End it."""
        self.release_mouse()
        self._is_down = False
        self._show()

    def _under(self, event: events.MouseEvent) -> Place | None:
        """The pixel under the mouse."""
        if self.data is None or self.data.problem:
            return None
        return render.sheet(*inner(*self.size)).pixel(event.x - 1, event.y - 1)

    # ink

    def _begin(self, place: Place) -> None:
        self._sheets.append(self.ink)
        self._pen = place
        self._dot(place)

    def _go_on(self, place: Place) -> None:
        (x, y), (to_x, to_y) = self._pen, place
        steps = max(1, round(max(abs(to_x - x), abs(to_y - y)) / _STEP))
        for step in range(1, steps + 1):
            self._dot((x + (to_x - x) * step / steps, y + (to_y - y) * step / steps))
        self._pen = place

    def _dot(self, place: Place) -> None:
        """Ink about a place: full in its middle, nothing from `_REACH` pixels on."""
        levels = bytearray(self.ink)
        for y in range(max(0, int(place[1]) - 2), min(render.SIDE, int(place[1]) + 4)):
            for x in range(max(0, int(place[0]) - 2), min(render.SIDE, int(place[0]) + 4)):
                distance = ((x - place[0]) ** 2 + (y - place[1]) ** 2) ** 0.5
                level = round(255 * min(1.0, max(0.0, _REACH - distance)))
                levels[y * render.SIDE + x] = max(levels[y * render.SIDE + x], level)
        self._sheets[-1] = bytes(levels)

    def _show(self) -> None:
        self.redraw()
        self.post_message(self.Wants())
