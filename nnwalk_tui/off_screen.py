"""The screen without a terminal, over a session in the same process: for pictures in headless mode.

Commands that say what the screen shows are remembered, and carried out anew on each picture's screen.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from engine.errors import CommandError
from engine.protocol.commands import Place
from engine.protocol.messages import Do, Look
from nnwalk_tui import terminal
from nnwalk_tui.actions import ScreenCommand
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.local import Local, Run
from nnwalk_tui.colours.schemes import SCHEMES
from nnwalk_tui.config.settings import Settings
from nnwalk_tui.shots import pictures, shot
from nnwalk_tui.shots.shot import Shot

SHOWING = (
    *("focus", "zoom", "unit", "inspect", "landscape", "examples", "draw", "find", "tape", "log", "theme"),
    *("layout", "hide", "unhide", "wider", "narrower", "taller", "shorter"),
)
_PATIENCE = 60.0  # seconds that a picture may take


class OffScreen:
    """The screen of a run in this process."""

    def __init__(self, run: Run, settings: Settings) -> None:
        self._run, self._settings = run, settings
        self._showing: list[str] = []

    def perform(self, command: ScreenCommand, text: str) -> str:
        """Carry out a command of the screen's; what it has to say. Raises CommandError for one that needs a screen."""
        if command.name in SHOWING:
            self._check(command)
            self._showing.append(text)
            return f"{text}: in pictures from here on"
        if command.name != "screenshot":
            raise CommandError(f"“{command.name}” needs a screen", "leave --headless out, or the command")
        wanted = shot.parse(command.argument)
        position = self._run.see(Look([])).position
        files = shot.paths(wanted, position)
        picture = asyncio.run(self._picture(wanted))
        return shot.write(picture.contents(files), over=wanted.over)

    def _check(self, command: ScreenCommand) -> None:
        """Raise CommandError for something to inspect that is not there."""
        expression = command.argument.partition(" vs ")[0].strip()
        if command.name == "inspect" and expression and not expression.startswith("["):
            answer = self._run.obey(Do(0, f"place {expression}", Place(expression)))
            if answer.error:
                raise CommandError(answer.error)

    async def _picture(self, wanted: Shot) -> pictures.Picture:
        with tempfile.TemporaryDirectory() as state:  # no settings, no command history
            ascii, scheme = bool(self._settings.ascii), SCHEMES[terminal.scheme(self._settings.theme)]
            app = NNWalkApp(Local(self._run), ascii=ascii, scheme=scheme, state=Path(state))
            async with app.run_test(size=wanted.size or shot.USUAL) as pilot:
                await _at_rest(pilot, app)
                for text in [*self._showing, *_alone(wanted.pane)]:
                    app.perform(text)
                    await _at_rest(pilot, app)
                    if app.status.problem:  # nobody reads it from the screen
                        raise CommandError(app.status.problem)
                return pictures.picture_of(app)


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
