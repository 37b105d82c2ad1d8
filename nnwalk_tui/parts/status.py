"""What is said to the user: the status line, long answers over the panes, and the log."""

from __future__ import annotations

from collections.abc import Callable

from nnwalk_tui.panes.log import LogPane
from nnwalk_tui.screens.command_line import Tone
from nnwalk_tui.screens.main import MainScreen


class Status:
    """A notice until the next key, and without one what `doing` says is going on."""

    def __init__(self, main: MainScreen, doing: Callable[[], tuple[str, Tone]]) -> None:
        self._main = main
        self._doing = doing
        self._notice: tuple[str, Tone] = ("", "quiet")
        self._said: tuple[str, Tone] = ("", "quiet")  # what the notice is of
        self.problem = ""  # what was wrong last

    def say(self, text: str, tone: Tone = "text") -> None:
        """Show an error or an answer until the next key."""
        self._said = (text, tone)
        several = "\n" in text or len(text) > self._main.app.size.width - 2
        self._main.show_answer(text if several else "")
        self._notice = ("any key closes this", "quiet") if several else (text, tone)
        if tone == "wrong":
            self.problem = text
        self.show()

    def say_again(self) -> None:
        """Show the notice anew, in the room that there is now."""
        if self._notice[0]:
            self.say(*self._said)

    def end_notice(self) -> None:
        """A key ends the notice of the key before."""
        if self._notice[0]:
            self.say("")

    def log(self, text: str) -> None:
        """Add lines to the log pane."""
        pane = self._main.panes["log"]
        assert isinstance(pane, LogPane)
        pane.add(text)

    def show(self) -> None:
        """Show what is to be said now."""
        self._main.command_line.say(*(self._notice if self._notice[0] else self._doing()))
