"""The application's part about layouts: which one is seen, what is hidden or resized in it, and how that is kept."""

from __future__ import annotations

from pathlib import Path

from textual import on

from engine.errors import CommandError
from nnwalk_tui.places.arrangement import Arrangement, Memory, for_recording
from nnwalk_tui.places.layouts import LAYOUTS, LESSON, NAMES
from nnwalk_tui.screens.main import MainScreen
from nnwalk_tui.teaching import TeachingApp

_CELLS, _ROWS = 4, 2  # by which a pane grows at a key


class ArrangingApp(TeachingApp):
    """What the application does about layouts; the rest of it is in nnwalk_tui.app and nnwalk_tui.teaching."""

    def begin_arranging(self, folder: Path, recorded: Arrangement | None, layout: str = "") -> None:
        """Arrange the screen as a recording was, or else as the user left it, in the layout of the settings if any."""
        self._memory = Memory(folder / "layouts.json")
        kept, self._arranging_problem = self._memory.read()
        self._kept = self.main.arrangement = recorded or (kept.with_layout(layout) if layout else kept)
        self.main.come_first()

    def say_how_arranged(self) -> None:
        """Tell the engine, for its recordings, and the user if the file could not be read."""
        self.client.arrange(for_recording(self._kept))
        if self._arranging_problem:
            self.say(self._arranging_problem, "wrong")

    @on(MainScreen.Rearranged)
    def keep_arrangement(self) -> None:
        """The arrangement may have changed."""
        if self.main.arrangement != self._kept:
            self._kept = self.main.arrangement
            self.client.arrange(for_recording(self._kept))
            if problem := self._memory.write(self._kept):
                self.say(problem, "wrong")

    # Commands

    def screen_layout(self, name: str) -> None:
        """Choose a layout, or go back to the usual ones."""
        if not name:
            self.say(f"layout {self.main.layout_name} — there are {', '.join(NAMES)}; next, previous, reset")
        elif name == "reset":
            self.main.use_arrangement(Arrangement())
            self.say("all layouts are as they were at first")
        elif name == LESSON and self.guide is None:
            self.say("no lesson is open: choose one")
            self.list_lessons()
        else:
            self._use_layout(name)

    def _use_layout(self, name: str) -> None:
        known = [each for each in NAMES if each != LESSON or self.guide is not None]
        if name in ("next", "previous"):
            at = known.index(self.main.layout_name) + (1 if name == "next" else -1)
            name = known[at % len(known)]
        self.main.use_layout(name)
        self.say(f"layout {name}: {self._about(name)}")

    def _about(self, name: str) -> str:
        """What a layout shows: what it is for, or, where the terminal is too small for that, what is seen of it."""
        here = self.main.plan
        if name == LESSON:
            return "the text, and what it speaks of" if len(here.panes) > 1 else "the text"
        hidden = self.main.arrangement.wishes(name).hidden
        if {*LAYOUTS[name].first} - hidden <= {*here.panes}:
            return LAYOUTS[name].about
        return ", ".join(here.panes) + "; the others are tabs" * bool(here.tabs)

    def screen_hide(self, name: str) -> None:
        """Take a pane off the screen."""
        pane = name or self.main.current
        if problem := self.main.hide(pane):
            raise CommandError(problem, "layout reset brings all back")
        self.say(f"{pane} is hidden in this layout: unhide {pane}, or going there, shows it again")

    def screen_unhide(self, name: str) -> None:
        """Show a hidden pane again, or all of them."""
        shown = self.main.unhide(name)
        self.say(f"{', '.join(shown)}: shown again" if shown else f"{name or 'no pane'} is hidden in this layout")

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
        if self.main.resize(wider, taller):
            return
        if self.main.zoomed:
            why = "it stands alone: z brings the others back"
        elif wider + taller > 0:
            why = "no neighbour has room to give"
        else:
            why = "it is as small as it gets, or has no neighbour"
        self.say(f"{self.main.current} cannot become {how}: {why}")
