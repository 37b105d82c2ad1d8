"""A digit drawn by hand."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType

from engine.protocol.messages import DrawLook
from engine.protocol.views import DrawView, Snapshot, WalkView
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.render import draw as render
from nnwalk_tui.render import walk
from nnwalk_tui.render.frame import inner
from nnwalk_tui.render.text import Line, wrap

Place = tuple[float, float]  # of a pixel: across and down, from the top left
_REACH, _STEP = 1.8, 0.5  # pixels: where a stroke's ink ends, beyond its full middle; between two dots of it
_AROUND = 600  # values of a forward pass that are asked for before and after the chosen one


class DrawPane(Pane):
    """A sheet to draw a digit on, with the mouse or a pen that the arrows move; the network judges it as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "pen(-1, 0)", "The pen to the left", show=False),
        Binding("right", "pen(1, 0)", "The pen to the right", show=False),
        ("d", "down", "Pen down, or up; Enter gives it the arrows"),
        ("backspace", "undo", "Take the last stroke back"),
        ("delete,c", "clear", "Clear the sheet"),
        ("f", "walk", "Through the network, operation by operation, and back"),
        Binding("n", "layer(1)", "In it, the next layer or time step", show=False),
        Binding("N", "layer(-1)", "In it, the layer or time step before", show=False),
    ]
    about = (
        "a digit drawn with the mouse, or a pen that d sets down and arrows move after Enter: sized and centred as "
        "MNIST's are, judged by the network as it is at the cursor, and followed through it with f; it trains nothing"
    )

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._sheets = [bytes(render.SIDE**2)]  # as it was before each stroke, and now
        self._pen: Place = (render.SIDE // 2, render.SIDE // 4)
        self._is_down = False
        self._event = 0  # of the digit's forward pass; 0 where the sheet is seen
        self._at = 1  # the value chosen of what that made

    @property
    def ink(self) -> bytes:
        """What is drawn: 28 × 28 levels, 0…255."""
        return self._sheets[-1]

    def asks(self) -> dict[str, Any]:
        """What the network makes of this ink, and an event on the way there."""
        if not self._event:
            return {"draw": DrawLook(self.ink)}
        first = max(1, self._at - _AROUND)
        rows = walk.rows(*inner(*self.size))
        return {"draw": DrawLook(self.ink, self._event, rows, self._at, first, 2 * _AROUND)}

    def part(self, snapshot: Snapshot) -> object | None:
        """What it makes of it."""
        view = snapshot.draw
        if view is not None and view.walk is not None and self._event:
            self._event, self._at = view.walk.tape.cursor, view.walk.value.at_row
        return view

    def heading(self, width: int) -> str:
        """Whether the sheet is seen, or its digit's way."""
        return f"{self.called}: forward" if self._walked else self.called

    def status(self) -> str:
        """What it is taken for, or how to draw."""
        view: DrawView = self.data
        if not view.likely:
            return "pen down" if self._is_down else "d pen"
        best = max(range(len(view.likely)), key=view.likely.__getitem__)
        if self._walked:
            return f"event {self._walked.tape.cursor}/{self._walked.tape.total}"
        return f"taken for {view.classes[best]}: {view.likely[best]:.2f}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The sheet, the digit as it is given to the network, and the probabilities."""
        view: DrawView = self.data
        if view.problem:
            return [[(f" {line}", "quiet")] for line in wrap(view.problem, width - 1)]
        if self._walked:
            return walk.draw(self._walked, width, height)
        if height < render.SIDE // 2 + 1 or width < render.SIDE + 2:
            return [[(" no room for a sheet: z gives this pane the screen", "quiet")]]
        return render.draw(view, self.ink, self._pen, self._is_down, width, height)

    def takes_arrows(self) -> bool:
        """Whether they walk through the digit's forward pass."""
        return self._event > 0

    @property
    def _walked(self) -> WalkView | None:
        """What is seen of the digit's way."""
        view: DrawView | None = self.data
        return view.walk if view is not None and self._event else None

    def stroke(self, places: list[Place]) -> None:
        """Draw a line through these pixels, counted from 0."""
        self._event = 0
        self._begin(places[0])
        for place in places[1:]:
            self._go_on(place)
        self._is_down = False
        self._show()

    # what the keys do

    def action_pen(self, across: int, down: int) -> None:
        """Move the pen by a pixel; where it is down, it draws. In the forward pass, go on or back by an operation."""
        if self._event:
            self._go_to(self._event + across)
            return
        most = render.SIDE - 1
        place = (min(max(self._pen[0] + across, 0), most), min(max(self._pen[1] + down, 0), most))
        if self._is_down:
            self._go_on(place)
        self._pen = place
        self._show()

    def action_move(self, lines: int) -> None:
        """Move the pen up or down; in the forward pass, choose another value."""
        if self._event:
            self._at = max(1, self._at + lines)
            self._show()
        else:
            self.action_pen(0, lines)

    def action_walk(self) -> None:
        """Look at the digit's forward pass, with the arrows, or at the sheet again."""
        if not any(self.ink):
            self.post_message(self.Said("nothing is drawn: d sets the pen down, arrows move it after Enter"))
            return
        self._is_down = False
        self._event, self._at = 0 if self._event else 1, 1
        self._show()

    def action_layer(self, by: int) -> None:
        """Go on to the end of a layer or time step, or back to the one before."""
        if self._walked is None:
            return
        now, stops = self._event, self._walked.stops
        beyond = [stop for stop in stops if stop > now] if by > 0 else [stop for stop in reversed(stops) if stop < now]
        self._go_to(beyond[0] if beyond else now)

    def _go_to(self, event: int) -> None:
        self._event = max(1, event)
        self._show()

    def action_down(self) -> None:
        """Set the pen down, or lift it."""
        self._event = 0
        self._is_down = not self._is_down
        if self._is_down:
            self._begin(self._pen)
        self._show()

    def action_undo(self) -> None:
        """Take the last stroke back."""
        self._event = 0
        self._is_down = False
        if len(self._sheets) > 1:
            self._sheets.pop()
        self._show()

    def action_clear(self) -> None:
        """Begin with an empty sheet; undo brings the last one back."""
        self._event = 0
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
        if self.data is None or self.data.problem or self._event:
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
