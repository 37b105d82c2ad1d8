"""The application over an engine process: killed, restarted, left."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from engine.protocol.recipe import Job
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.spawned import Spawned
from tests.support.stage import PATIENCE, until

pytestmark = pytest.mark.alone


async def test_a_killed_engine_process_is_named_and_restarted(tmp_path: Path) -> None:
    client = Spawned(Job(), [sys.executable, "-m", "tests.support.fake_engine"])
    client.start()
    app = NNWalkApp(client, state=tmp_path)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.snapshot is not None)
            assert client._engine is not None
            os.kill(client._engine._process.pid, signal.SIGKILL)
            await until(pilot, lambda: app.talk.over != "")
            assert "the engine ended: killed by signal 9" in app.main.command_line.status
            assert app.snapshot is not None
            await pilot.press("r")
            await until(pilot, lambda: app.talk.over == "" and app.snapshot is not None)
            await pilot.press("o")
            await until(pilot, lambda: app.snapshot is not None and app.snapshot.position.event == 1)
    finally:
        client.close()


def test_leaving_ends_both_processes_within_a_second(tmp_path: Path) -> None:
    client = Spawned(Job(), [sys.executable, "-m", "tests.support.fake_engine"])
    client.start()
    assert client._engine is not None
    process = client._engine._process

    async def leave() -> None:
        app = NNWalkApp(client, state=tmp_path)
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.snapshot is not None)
            await pilot.press("space", "q")

    asyncio.run(leave())
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 1.0
    assert process.wait(PATIENCE) is not None
