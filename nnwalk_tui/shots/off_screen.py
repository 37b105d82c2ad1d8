"""The screen without a terminal, over a session in the same process: for pictures in headless mode.

Commands that say what the screen shows are remembered, and carried out anew on each picture's screen.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from engine.errors import CommandError
from engine.protocol.messages import Look
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer, Frame, FromEngine
from engine.protocol.views import Snapshot
from nnwalk_tui import terminal
from nnwalk_tui.actions import ScreenCommand
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.engine_client import EngineDied
from nnwalk_tui.colours.schemes import SCHEMES
from nnwalk_tui.config.settings import Settings
from nnwalk_tui.screens.command_line import Tone
from nnwalk_tui.shots import pictures, shot
from nnwalk_tui.shots.shot import Shot

SHOWING = (
    *("focus", "zoom", "unit", "inspect", "landscape", "find", "tape", "log", "theme"),
    *("layout", "hide", "unhide", "wider", "narrower", "taller", "shorter"),
)
_PATIENCE = 60.0  # seconds that a picture may take


class OffScreen:
    """The screen of a session; `do` carries out one of its commands, `see` is its answer to a Look."""

    def __init__(self, do: Callable[[str, int], Answer], see: Callable[[Look], Snapshot], settings: Settings) -> None:
        self._do, self._see, self._settings = do, see, settings
        self._showing: list[str] = []

    def perform(self, command: ScreenCommand, text: str) -> str:
        """Carry out a command of the screen's; what it has to say. Raises CommandError for one that needs a screen."""
        if command.name in SHOWING:
            self._showing.append(text)
            return ""
        if command.name != "screenshot":
            raise CommandError(f"“{command.name}” needs a screen", "leave --headless out, or the command")
        wanted = shot.parse(command.argument)
        position = self._see(Look([])).position
        files = shot.paths(wanted, position)
        picture = asyncio.run(self._picture(wanted))
        return shot.write({path: picture.svg if path.suffix.lower() == ".svg" else picture.text for path in files})

    async def _picture(self, wanted: Shot) -> pictures.Picture:
        with tempfile.TemporaryDirectory() as state:  # no settings, no command history
            ascii, scheme = bool(self._settings.ascii), SCHEMES[terminal.scheme(self._settings.theme)]
            app = _Unattended(AtOnce(self._do, self._see), ascii=ascii, scheme=scheme, state=Path(state))
            async with app.run_test(size=wanted.size or shot.USUAL) as pilot:
                await _at_rest(pilot, app)
                for text in [*self._showing, *_alone(wanted.pane)]:
                    app.perform(text)
                    await _at_rest(pilot, app)
                    if app.problem:
                        raise CommandError(app.problem)
                return pictures.picture_of(app)


class _Unattended(NNWalkApp):
    """Nobody reads what is wrong from its screen."""

    problem = ""

    def say(self, text: str, tone: Tone = "text") -> None:
        """Keep what is wrong."""
        if tone == "wrong":
            self.problem = text
        super().say(text, tone)


def _alone(pane: str) -> list[str]:
    return [f"focus {pane}", "zoom"] if pane else []


async def _at_rest(pilot: Pilot[None], app: NNWalkApp) -> None:
    """Wait until what the engine has sent is painted: two rounds without a new frame."""
    async with asyncio.timeout(_PATIENCE):
        quiet = 0
        while quiet < 2:
            before = app.snapshot
            await pilot.pause()
            quiet = quiet + 1 if app.snapshot is before and before is not None else 0


class AtOnce:
    """An engine client that answers before it returns."""

    def __init__(self, do: Callable[[str, int], Answer], see: Callable[[Look], Snapshot]) -> None:
        self._do, self._see = do, see
        self._tell: Callable[[FromEngine | EngineDied], None] = lambda _: None
        self._sent: Snapshot | None = None
        self._last_id = 0

    def start(self) -> None: ...

    def on_message(self, callback: Callable[[FromEngine | EngineDied], None]) -> None:
        self._tell = callback

    def do(self, text: str) -> int:
        self._last_id += 1
        self._tell(self._do(text, self._last_id))
        return self._last_id

    def look(self, look: Look) -> None:
        seen = self._see(look)
        if seen != self._sent:
            self._sent = seen
            self._tell(Frame(seen))

    def arrange(self, layout: dict[str, Any]) -> None: ...

    def interrupt(self) -> None: ...

    def reopen(self, job: Job) -> None: ...

    def restart(self) -> None: ...

    def close(self) -> None: ...
