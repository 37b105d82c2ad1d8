"""Which layout is seen, what is hidden or resized in it, and how that is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.errors import CommandError
from nnwalk_tui.catalogue import LESSON
from nnwalk_tui.parts.classroom import Classroom
from nnwalk_tui.parts.status import Status
from nnwalk_tui.places.arrangement import Arrangement, Memory, for_recording
from nnwalk_tui.places.layouts import LAYOUTS, NAMES
from nnwalk_tui.screens.main import MainScreen

_CELLS, _ROWS = 4, 2  # by which a pane grows at a key


class Arranger:
    """Arranges the screen as a recording was, or else as the user left it, in the layout of the settings if any.

    What is arranged is kept in the user's file, and told to `tell`, for recordings.
    """

    def __init__(
        self,
        main: MainScreen,
        status: Status,
        classroom: Classroom,
        memory: Memory,
        tell: Callable[[dict[str, Any]], None],
        recorded: Arrangement | None,
        layout: str = "",
    ) -> None:
        self._main, self._status, self._classroom = main, status, classroom
        self._memory, self._tell = memory, tell
        kept, self._problem = memory.read()
        self._kept = main.arrangement = recorded or (kept.with_layout(layout) if layout else kept)
        main.come_first()

    def begin(self) -> None:
        """Tell how the screen is arranged, and the user if the file could not be read."""
        self._tell(for_recording(self._kept))
        if self._problem:
            self._status.say(self._problem, "wrong")

    def keep(self) -> None:
        """The arrangement may have changed."""
        if self._main.arrangement != self._kept:
            self._kept = self._main.arrangement
            self._tell(for_recording(self._kept))
            if problem := self._memory.write(self._kept):
                self._status.say(problem, "wrong")

    # Commands

    def screen_layout(self, name: str) -> None:
        """Choose a layout, or go back to the usual ones."""
        if not name:
            self._status.say(f"layout {self._main.layout_name} — there are {', '.join(NAMES)}; next, previous, reset")
        elif name == "reset":
            self._main.use_arrangement(Arrangement())
            self._status.say("all layouts are as they were at first")
        elif name == LESSON and self._classroom.guide is None:
            self._status.say("no lesson is open: choose one")
            self._classroom.list_lessons()
        else:
            self._use_layout(name)

    def _use_layout(self, name: str) -> None:
        known = [each for each in NAMES if each != LESSON or self._classroom.guide is not None]
        if name in ("next", "previous"):
            at = known.index(self._main.layout_name) + (1 if name == "next" else -1)
            name = known[at % len(known)]
        self._main.use_layout(name)
        self._status.say(f"layout {name}: {self._about(name)}")

    def _about(self, name: str) -> str:
        """What a layout shows: what it is for, or, where the terminal is too small for that, what is seen of it."""
        here = self._main.plan
        if name == LESSON:
            return "the text, and what it speaks of" if len(here.panes) > 1 else "the text"
        hidden = self._main.arrangement.wishes(name).hidden
        if {*LAYOUTS[name].first} - hidden <= {*here.panes}:
            return LAYOUTS[name].about
        return ", ".join(here.panes) + "; the others are tabs" * bool(here.tabs)

    def screen_hide(self, name: str) -> None:
        """Take a pane off the screen."""
        pane = name or self._main.current
        if problem := self._main.hide(pane):
            raise CommandError(problem, "layout reset brings all back")
        self._status.say(f"{pane} is hidden in this layout: unhide {pane}, or going there, shows it again")

    def screen_unhide(self, name: str) -> None:
        """Show a hidden pane again, or all of them."""
        shown = self._main.unhide(name)
        self._status.say(
            f"{', '.join(shown)}: shown again" if shown else f"{name or 'no pane'} is hidden in this layout"
        )

    def screen_wider(self, cells: str) -> None:
        """Make the focused pane wider."""
        self._resize(int(cells or _CELLS), 0, "wider")

    def screen_narrower(self, cells: str) -> None:
        """Make the focused pane narrower."""
        self._resize(-int(cells or _CELLS), 0, "narrower")

    def screen_taller(self, rows: str) -> None:
        """Make the focused pane taller."""
        self._resize(0, int(rows or _ROWS), "taller")

    def screen_shorter(self, rows: str) -> None:
        """Make the focused pane shorter."""
        self._resize(0, -int(rows or _ROWS), "shorter")

    def _resize(self, wider: int, taller: int, how: str) -> None:
        if self._main.resize(wider, taller):
            return
        if self._main.zoomed:
            why = "it stands alone: z brings the others back"
        elif wider + taller > 0:
            why = "no neighbour has room to give"
        else:
            why = "it is as small as it gets, or has no neighbour"
        self._status.say(f"{self._main.current} cannot become {how}: {why}")
