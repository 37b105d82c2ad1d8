"""The application over a real session in the test's own process: what a key shows is what the engine computed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.protocol.messages import Do, Look, ToEngine
from engine.protocol.views import Snapshot
from engine.session import Session
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.local import Local
from nnwalk_tui.colours import theme
from nnwalk_tui.headless import SessionRun
from nnwalk_tui.panes.base import Pane


class LiveRun(SessionRun):
    """A session whose layout is kept, and whose landscapes take their time."""

    def see(self, look: Look) -> Snapshot:
        return self.session.viewer.see(look)

    def arrange(self, layout: dict[str, Any]) -> None:
        self.session.layout = layout


class LiveTarget(Local):
    """A session, and what it was asked."""

    def __init__(self, session: Session) -> None:
        super().__init__(LiveRun(session))
        self.session = session
        self.asked: list[str] = []
        self.look_now: Look | None = None

    def send(self, message: ToEngine) -> None:
        match message:
            case Do(text=text):
                self.asked.append(text)
            case Look():
                self.look_now = message
        super().send(message)


class Live:
    """The application under test."""

    def __init__(self, client: LiveTarget, app: NNWalkApp, pilot: Pilot[None]) -> None:
        self.client, self.app, self.pilot, self.main = client, app, pilot, app.main
        self.session = client.session

    async def press(self, *keys: str) -> None:
        """Press keys, and let what follows happen."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def command(self, text: str) -> None:
        """Carry out a command."""
        self.app.perform(text)
        await self.settle()

    async def settle(self) -> None:
        """Let messages, frames and what they ask for pass."""
        for _ in range(4):
            await self.pilot.pause()

    def pane(self, name: str) -> Pane:
        """A pane."""
        return self.main.panes[name]

    def text(self, name: str) -> str:
        """What a pane shows."""
        pane = self.pane(name)
        return "\n".join(pane.render_line(y).text for y in range(pane.size.height))

    @property
    def status(self) -> str:
        """The status line."""
        return self.main.command_line.status


@asynccontextmanager
async def live(
    tmp_path: Path,
    size: tuple[int, int] = (120, 40),
    ascii: bool = False,
    colours: theme.Colours = theme.Colours.FULL,
    warning: str = "",
    layout: str = "",
    **recipe: Any,
) -> AsyncIterator[Live]:
    """The application over a small network: two kinds of digits, batches of 100."""
    usual: dict[str, Any] = {"layers": (784, 6, 4, 2), "classes": (1, 7), "batch_size": 100, "epochs": 2}
    client = LiveTarget(open_experiment(Experiment(**usual | recipe)))
    app = NNWalkApp(client, ascii=ascii, colours=colours, layout=layout, state=tmp_path)
    app.warning = warning
    try:
        async with app.run_test(size=size) as pilot:
            on = Live(client, app, pilot)
            await on.settle()
            yield on
    finally:
        theme.use()
