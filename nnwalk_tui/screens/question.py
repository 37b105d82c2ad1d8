"""A question that is answered by yes or no, over the panes."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from nnwalk_tui.screens.bars import AnswerBox


class QuestionScreen(ModalScreen[bool]):
    """Gives True for y alone: Enter, which may have been typed ahead, answers nothing."""

    DEFAULT_CSS = "QuestionScreen { align: left bottom; background: transparent; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,q,escape,ctrl+c", "answer(False)", show=False),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question
        self._box = AnswerBox(id="question")

    def compose(self) -> ComposeResult:
        """The question and its keys, at the bottom."""
        yield self._box

    def on_mount(self) -> None:
        """Take as many rows as the question needs."""
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        """Wrap anew."""
        self._show()

    def _show(self) -> None:
        self._box.styles.height = self._box.lines_of(f"{self.question}\ny yes · n no", *self.app.size)

    def action_answer(self, yes: bool) -> None:
        """Leave with an answer."""
        self.dismiss(yes)
