"""Questions to the user, one after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from textual.app import App


class _Question(NamedTuple):
    text: str
    then: Callable[[bool], None]


class Questions:
    """What waits to be answered; the first is on screen."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._waiting: deque[_Question] = deque()

    def ask(self, text: str, then: Callable[[bool], None]) -> None:
        """Put a question; `then` hears whether the answer is yes."""
        self._waiting.append(_Question(text, then))
        if len(self._waiting) == 1:
            self._show()

    def _show(self) -> None:
        from nnwalk_tui.screens.question import QuestionScreen

        self._app.push_screen(QuestionScreen(self._waiting[0].text), self._answered)

    def _answered(self, yes: bool | None) -> None:
        self._waiting.popleft().then(bool(yes))
        if self._waiting:
            self._show()
