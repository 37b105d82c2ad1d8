"""Runs the program with a real engine and without a terminal, presses keys, and waits until nothing moves any more."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from textual.pilot import Pilot

from engine.views import Answer, FromEngine
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.engine_client import EngineClient, EngineDied

PATIENCE = 120.0  # seconds that one key may take; the first also waits for torch
FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"


class Picture(NamedTuple):
    """A screen, as SVG and as plain text."""

    svg: str
    text: str


class _Client(EngineClient):
    """An engine client that can ask whether the engine has done all it was asked for."""

    def __init__(self, experiment: dict[str, Any]) -> None:
        super().__init__(experiment)
        self._knock = 0
        self._answered = 0

    def on_message(self, callback: Callable[[FromEngine | EngineDied], None]) -> None:
        """Keep the answers to `knock` from the app; an engine that cannot go on ends the program."""

        def deliver(message: FromEngine | EngineDied) -> None:
            if isinstance(message, Answer) and message.id == self._knock:
                self._answered = message.id
            else:
                callback(message)

        super().on_message(deliver)

    def knock(self) -> None:
        """Ask a question that changes nothing: the engine answers in order, so its answer comes after all others."""
        self._knock = self.do("help")

    @property
    def answered(self) -> bool:
        """Whether the last knock was answered."""
        return self._answered == self._knock


async def picture(
    experiment: dict[str, Any], size: tuple[int, int], keys: Sequence[str], *, ascii: bool = False
) -> Picture:
    """The screen of a run after some keys. Raises TimeoutError when the program does not come to rest."""
    client = _Client(experiment)
    client.start()
    app = NNWalkApp(client, ascii=ascii)
    try:
        async with app.run_test(size=size) as pilot:
            await _at_rest(pilot, app, client)
            for key in keys:
                await pilot.press(key)
                await _at_rest(pilot, app, client)
            return Picture(_without_web_fonts(app.export_screenshot(title="nnwalk-tui")), _text(app))
    finally:
        client.close()


async def _at_rest(pilot: Pilot[None], app: NNWalkApp, client: _Client) -> None:
    """Wait until the engine has answered everything and what it sent is painted: two rounds without a new frame."""
    async with asyncio.timeout(PATIENCE):
        quiet = 0
        while quiet < 2:
            before = app.snapshot
            await pilot.pause()
            client.knock()
            while not client.answered:
                await pilot.pause(0.005)
            await pilot.pause()
            quiet = quiet + 1 if app.snapshot is before and before is not None else 0


def _text(app: NNWalkApp) -> str:
    rows = app.screen._compositor.render_strips()
    return "".join("".join(segment.text for segment in row).rstrip() + "\n" for row in rows)


def _without_web_fonts(svg: str) -> str:
    """A picture that fetches nothing: no font from the network, the reader's own monospaced one instead."""
    svg = re.sub(r"\s*@font-face \{.*?\n    \}", "", svg, flags=re.DOTALL)
    return svg.replace("font-family: Fira Code, monospace", f"font-family: {FONTS}")
