"""The application with engines that only keep what they were asked: for what lessons do, without any engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.experiments.experiment import Experiment
from engine.protocol.messages import Look
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer, FromEngine
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.engine_client import EngineDied
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.teaching import Plan


class QuietClient:
    """An engine client that keeps what it was asked, and answers when told to."""

    def __init__(self, experiment: Experiment | None = None) -> None:
        self.experiment = experiment
        self.asked: list[str] = []
        self.closed = False
        self._callback: Callable[[FromEngine | EngineDied], None] = lambda _: None

    def start(self) -> None: ...

    def on_message(self, callback: Callable[[FromEngine | EngineDied], None]) -> None:
        self._callback = callback

    def do(self, text: str) -> int:
        self.asked.append(text)
        return len(self.asked)

    def look(self, look: Look) -> None:
        """Nothing is ever seen."""

    def arrange(self, layout: dict[str, Any]) -> None: ...

    def interrupt(self) -> None:
        """Nothing runs."""

    def reopen(self, job: Job) -> None:
        self.experiment = job.experiment
        self.asked.append("reopen")

    def restart(self) -> None:
        """It lives."""

    def close(self) -> None:
        self.closed = True

    def answer(self, text: str, value: object, said: str = "") -> None:
        """Answer the last request of this text."""
        number = len(self.asked) - self.asked[::-1].index(text)
        self._callback(Answer(number, text, None, value=value, text=said))


class School:
    """An app with one client of the user's and any number of the lessons'."""

    def __init__(self, state: Path, first: str | None = None) -> None:
        self.own = QuietClient()
        self.started: list[QuietClient] = []
        self.app = NNWalkApp(self.own, state=state, lessons=Plan(COURSE, first), new_client=self._start)

    def _start(self, experiment: Experiment) -> QuietClient:
        self.started.append(QuietClient(experiment))
        return self.started[-1]

    def page(self) -> str:
        """What the lesson's pane shows."""
        pane = self.app.main.lesson
        return "\n".join(pane.render_line(y).text for y in range(pane.size.height))
