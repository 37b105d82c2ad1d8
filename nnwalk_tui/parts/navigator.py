"""Between the panes and inside them: the focus, the arrows, the unit they step by, and what a pane is asked to show."""

from __future__ import annotations

from functools import partial

from engine.protocol.commands import Place
from engine.protocol.positions import Unit
from engine.protocol.replies import Answer
from nnwalk_tui import actions
from nnwalk_tui.catalogue import BY_NAME, EXAMPLE_KINDS, LESSON, NUMBERED
from nnwalk_tui.panes.digits import DigitsPane
from nnwalk_tui.panes.draw import DrawPane
from nnwalk_tui.panes.graph import GraphPane
from nnwalk_tui.panes.landscape import LandscapePane
from nnwalk_tui.parts.classroom import Classroom
from nnwalk_tui.parts.conversation import Conversation
from nnwalk_tui.screens.main import MainScreen


class Navigator:
    """Carries out the commands that go somewhere on the screen."""

    def __init__(self, main: MainScreen, conversation: Conversation, classroom: Classroom) -> None:
        self.unit = Unit.OP
        self._main, self._talk, self._classroom = main, conversation, classroom

    def show_unit(self) -> None:
        """Mark the unit on the time line."""
        self._main.timeline.unit = self.unit

    def screen_unit(self, name: str) -> None:
        """Choose what the arrows step by."""
        units = self._units()
        at = units.index(self.unit) + {"finer": -1, "coarser": 1}.get(name, 0)
        self.unit = Unit(name) if name in actions.UNITS else units[max(0, min(at, len(units) - 1))]
        self.show_unit()

    def _units(self) -> list[Unit]:
        """From fine to coarse, those of the run; time steps only where it has any, or where they were asked for."""
        snapshot = self._talk.snapshot
        timed = self.unit is Unit.TIME or (snapshot is not None and snapshot.run.recurrent)
        return [unit for unit in actions.UNITS if timed or unit is not Unit.TIME]

    def screen_focus(self, name: str) -> None:
        """Go to a pane, by name, number or neighbourhood."""
        if name == LESSON and self._classroom.guide is None:
            self._classroom.list_lessons()
        elif name in ("next", "previous"):
            self._main.focus_beside(1 if name == "next" else -1)
        else:
            self._main.focus_pane(NUMBERED.get(name, name))

    def screen_enter(self, _: str) -> None:
        """Give the arrows to the pane; while a lesson is read, whichever pane has the focus, go on in it."""
        if self._main.reading and self._classroom.guide is not None:
            self._classroom.go_on()
        else:
            self._main.entered = True

    def screen_zoom(self, _: str) -> None:
        """The focused pane alone, and back."""
        self._main.zoom(not self._main.zoomed)

    def screen_inspect(self, text: str) -> None:
        """Any tensor; without an expression the pane and back."""
        if not text.strip():
            if self._main.current == "tensor":
                self._main.leave("tensor")
            else:
                self._main.focus_pane("tensor")
            return
        expression, _, against = (part.strip() for part in text.partition(" vs "))
        if expression.startswith("["):
            expression = self._main.tensor.subject + expression
        self._talk.ask(f"place {expression}", Place(expression), partial(self._inspect, against=against))

    def _inspect(self, answer: Answer, against: str) -> None:
        place = answer.value
        assert isinstance(place, dict)
        self._main.focus_pane("tensor")
        keep = place["expression"] == self._main.tensor.expression and not against
        self._main.tensor.inspect(place["expression"], place["row"], place["column"], None if keep else against)

    def screen_landscape(self, parameter: str) -> None:
        """The loss around the parameters; with a parameter, along it."""
        pane = self._main.panes["landscape"]
        assert isinstance(pane, LandscapePane)
        if parameter.strip():
            pane.along(parameter.strip())
        self._main.focus_pane("landscape")

    def screen_examples(self, kind: str) -> None:
        """Go to the batch's examples, or to what pictures and counts tell of them."""
        pane = self._main.panes["digits"]
        assert isinstance(pane, DigitsPane)
        pane.look_at(kind or EXAMPLE_KINDS[0])
        self._main.focus_pane("digits")

    def screen_draw(self, text: str) -> None:
        """Go to the pane for digits, and draw a stroke there, or take back one, or all."""
        pane = self._main.panes["draw"]
        assert isinstance(pane, DrawPane)
        if text == "undo":
            pane.action_undo()
        elif text == "clear":
            pane.action_clear()
        elif text == "forward":
            self._main.focus_pane("draw")
            pane.action_walk()
            return
        elif text:
            pane.stroke([(int(across) - 1, int(down) - 1) for across, down in (w.split(",") for w in text.split())])
        self._main.focus_pane("draw")

    def screen_tape(self, _: str) -> None:
        """The tape, and back."""
        self._main.back_to_last("tape")

    def screen_log(self, _: str) -> None:
        """The log, and back."""
        self._main.back_to_last("log")

    def screen_find(self, text: str) -> None:
        """Search the graph."""
        pane = self._main.panes["graph"]
        assert isinstance(pane, GraphPane)
        self._main.focus_pane("graph")
        pane.find(text)

    def screen_escape(self, _: str) -> None:
        """Back out of the innermost thing; never quits."""
        if self._talk.progress is not None:
            self._talk.interrupt()
        elif self._main.entered:
            self._main.entered = False
        elif self._main.zoomed:
            self._main.zoom(False)
        elif BY_NAME[self._main.current].visited:
            self._main.leave(self._main.current)
