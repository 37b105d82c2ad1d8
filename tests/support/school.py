"""The application with targets that only keep what they were asked: for what lessons do, without any engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.experiments.experiment import Experiment
from engine.protocol.messages import Do, Open, ToEngine
from engine.protocol.replies import Answer
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.target import Can, FromTarget
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.parts.classroom import Plan


class QuietTarget:
    """A target that keeps what it was asked, and answers when told to."""

    can = Can()

    def __init__(self, experiment: Experiment | None = None) -> None:
        self.experiment = experiment
        self.asked: list[str] = []
        self.closed = False
        self._numbers: dict[str, int] = {}
        self._callback: Callable[[FromTarget], None] = lambda _: None

    def start(self) -> None: ...

    def on_message(self, callback: Callable[[FromTarget], None]) -> None:
        self._callback = callback

    def send(self, message: ToEngine) -> None:
        match message:
            case Do(id=number, text=text):
                self.asked.append(text)
                self._numbers[text] = number
            case Open(job):
                self.experiment = job.experiment
                self.asked.append("reopen")

    def close(self) -> None:
        self.closed = True

    def answer(self, text: str, value: object, said: str = "") -> None:
        """Answer the last request of this text."""
        self._callback(Answer(self._numbers[text], text, None, value=value, text=said))


class School:
    """An app with one target of the user's and any number of the lessons'."""

    def __init__(self, state: Path, first: str | None = None, folder: Path = COURSE, trust: bool = False) -> None:
        self.own = QuietTarget()
        self.started: list[QuietTarget] = []
        self.app = NNWalkApp(self.own, state=state, lessons=Plan(folder, first, trust=trust), new_target=self._start)

    def _start(self, experiment: Experiment) -> QuietTarget:
        self.started.append(QuietTarget(experiment))
        return self.started[-1]

    def page(self) -> str:
        """What the lesson's pane shows."""
        pane = self.app.main.lesson
        return "\n".join(pane.render_line(y).text for y in range(pane.size.height))
