"""The application over an engine that is made up, in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from engine.protocol.messages import Do, Interrupt, Look, ToEngine
from engine.protocol.positions import Status
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.local import Local
from nnwalk_tui.client.target import Can, FromTarget
from nnwalk_tui.panes.log import LogPane
from tests.support.fake_engine import FakeRun

PATIENCE = 20.0  # seconds that a busy machine may take


class InProcess(Local):
    """A target without an engine process; it answers at once unless it is held."""

    can = Can()

    def __init__(self) -> None:
        super().__init__(FakeRun())
        self.asked: list[str] = []
        self.looks: list[Look] = []
        self.interrupts = self.restarts = 0
        self.held = self.closed = False

    def start(self) -> None:
        if self.closed:
            self.restarts += 1
            self.run, self._sent, self.closed = FakeRun(), None, False

    def send(self, message: ToEngine) -> None:
        match message:
            case Do(text=text) if text != "names":
                self.asked.append(text)
            case Look():
                self.looks.append(message)
            case Interrupt():
                self.interrupts += 1
                self.fake.status = Status.PAUSED
        if not self.held or isinstance(message, Interrupt):
            super().send(message)

    @property
    def fake(self) -> FakeRun:
        assert isinstance(self.run, FakeRun)
        return self.run

    def close(self) -> None:
        self.closed = True


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

    async def tell(self, *messages: FromTarget) -> None:
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


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Let the app work until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await pilot.pause(0.01)
