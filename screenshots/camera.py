"""Runs the program with a real engine and without a terminal, presses keys, and waits until nothing moves any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from textual.pilot import Pilot

from engine.errors import EngineError
from engine.experiments.experiment import Experiment
from engine.protocol.commands import Help
from engine.protocol.messages import Do
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.spawned import Spawned
from nnwalk_tui.client.target import FromTarget
from nnwalk_tui.lessons.guide import experiment_at
from nnwalk_tui.lessons.library import find
from nnwalk_tui.parts.classroom import Plan
from nnwalk_tui.shots.pictures import Picture, picture_of

PATIENCE = 120.0  # seconds that one key may take; the first also waits for torch


class _Target(Spawned):
    """A target that can ask whether the engine has done all it was asked for."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(Job(experiment))
        self._knocks: set[int] = set()
        self._last = 0

    def on_message(self, callback: Callable[[FromTarget], None]) -> None:
        """Hand on every message but the answers to `knock`."""

        def deliver(message: FromTarget) -> None:
            if isinstance(message, Answer) and message.id in self._knocks:
                self._knocks.remove(message.id)
            else:
                callback(message)

        super().on_message(deliver)

    def knock(self) -> None:
        """Ask a question that changes nothing: the engine answers in order, so its answer comes after all others."""
        self._last -= 1  # the screen counts upwards
        self._knocks.add(self._last)
        self.send(Do(self._last, "help", Help()))

    @property
    def answered(self) -> bool:
        """Whether every knock was answered."""
        return not self._knocks


async def picture(
    experiment: dict[str, Any], size: tuple[int, int], keys: Sequence[str], *, ascii: bool = False, lesson: str = ""
) -> Picture:
    """The screen of a run, or of a lesson on its own run, after some keys.

    Raises EngineError when the engine ends, TimeoutError when the program does not come to rest.
    """
    wanted = msgspec.convert(experiment, Experiment)
    if lesson:
        wanted = experiment_at(find(lesson), 0) or wanted
    target = _Target(wanted)
    target.start()
    app = NNWalkApp(target, ascii=ascii, lessons=Plan(first=lesson, experiment=wanted) if lesson else None)
    try:
        async with app.run_test(size=size) as pilot:
            await _at_rest(pilot, app, target)
            for key in keys:
                await pilot.press(key)
                await _at_rest(pilot, app, target)
            return picture_of(app)
    finally:
        target.close()


async def _at_rest(pilot: Pilot[None], app: NNWalkApp, target: _Target) -> None:
    """Wait until the engine has answered everything and what it sent is painted: two rounds without a new frame."""
    async with asyncio.timeout(PATIENCE):
        quiet = 0
        while quiet < 2:
            before = app.snapshot
            await pilot.pause()
            target.knock()
            while not target.answered:
                await pilot.pause(0.005)
                if app.talk.over:
                    raise EngineError(f"there is no picture: {app.talk.over}", "run nnwalk-tui to see why")
            await pilot.pause()
            quiet = quiet + 1 if app.snapshot is before and before is not None else 0
