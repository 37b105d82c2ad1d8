"""The application over an engine that is made up, in the test's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from engine.protocol.messages import Look
from engine.protocol.positions import Status
from engine.protocol.recipe import Job
from engine.protocol.replies import Frame, FromEngine
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.engine_client import EngineDied
from nnwalk_tui.panes.log import LogPane
from tests.support.fake_engine import FakeRun


class InProcess:
    """An engine client without an engine process; it answers at once unless it is held."""

    def __init__(self) -> None:
        self.run = FakeRun()
        self.asked: list[str] = []
        self.looks: list[Look] = []
        self.interrupts = self.restarts = 0
        self.held = False
        self._tell: Callable[[FromEngine | EngineDied], None] = lambda _: None
        self._look: Look | None = None
        self._sent: object = None

    def start(self) -> None: ...

    def on_message(self, callback: Callable[[FromEngine | EngineDied], None]) -> None:
        self._tell = callback

    def tell(self, message: FromEngine | EngineDied) -> None:
        self._tell(message)

    def do(self, text: str) -> int:
        if text != "names":
            self.asked.append(text)
        number = len(self.asked) if text != "names" else -len(self.asked)
        if not self.held:
            self.tell(self.run.do(text, number))
            self._serve()
        return number

    def look(self, look: Look) -> None:
        self.looks.append(look)
        self._look = look
        if not self.held:
            self._serve()

    def arrange(self, layout: dict[str, Any]) -> None: ...

    def interrupt(self) -> None:
        self.interrupts += 1
        self.run.status = Status.PAUSED
        self._serve()

    def reopen(self, job: Job) -> None:
        """No other job is ever asked for."""

    def restart(self) -> None:
        self.restarts += 1
        self.run, self._sent = FakeRun(), None

    def close(self) -> None: ...

    def _serve(self) -> None:
        if self._look is not None and (snapshot := self.run.snapshot(self._look)) != self._sent:
            self._look, self._sent = None, snapshot
            self.tell(Frame(snapshot))


class Stage:
    """The app under test, its client and its pilot."""

    def __init__(self, client: InProcess, app: NNWalkApp, pilot: Pilot[None]) -> None:
        self.client, self.app, self.pilot, self.main = client, app, pilot, app.main

    async def press(self, *keys: str) -> None:
        """Press keys, and let what follows happen."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a text."""
        await self.pilot.press(*("space" if letter == " " else letter for letter in text))
        await self.pilot.pause()

    async def tell(self, *messages: FromEngine | EngineDied) -> None:
        """The engine says something."""
        for message in messages:
            self.client.tell(message)
        await self.pilot.pause()
        await self.pilot.pause()

    @property
    def status(self) -> str:
        """The status line."""
        return self.main.command_line.status

    @property
    def log(self) -> str:
        """What the log pane holds."""
        pane = self.main.panes["log"]
        assert isinstance(pane, LogPane)
        return "\n".join(pane.data)


@asynccontextmanager
async def stage(
    tmp_path: Path,
    size: tuple[int, int] = (120, 40),
    held: bool = False,
    ascii: bool = False,
    script: Sequence[str] = (),
) -> AsyncIterator[Stage]:
    client = InProcess()
    client.held = held
    app = NNWalkApp(client, ascii=ascii, state=tmp_path, script=script)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.pause()
        yield Stage(client, app, pilot)
