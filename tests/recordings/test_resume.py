"""A run that was killed, hung up on or ended goes on where it stood, with the bits of a run that was left alone."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from engine.launch import open_job
from engine.protocol.recipe import Job
from engine.recordings.autosave import checkpoint_path
from engine.recordings.restore import restore
from engine.session import Session
from nnwalk_tui.runs import last_run
from tests.support.forked import cli
from tests.support.sessions import plain_digests, small
from tests.support.terminals import PATIENCE, Program

pytestmark = pytest.mark.alone

EPOCHS, BATCHES = 100, 11
OPTIONS: tuple[str, ...] = (
    "mlp",
    "--classes",
    "1,7",
    "--layers",
    "784,6,4,2",
    "--optimizer",
    "adam",
    "--dropout",
    "0.2",
)
OPTIONS += ("--batch-size", "200", "--epochs", str(EPOCHS))


@pytest.fixture(scope="module")
def digests() -> list[str]:
    """The digest after each batch of a plain loop over the same run."""
    return plain_digests(small(epochs=EPOCHS))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for what is kept of runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def kept() -> Session:
    """The run that was left last, as `--resume` would find it."""
    path = last_run()
    assert path is not None
    session, recording = open_job(Job(recording=str(path)))
    assert recording is not None
    restore(session, recording, [checkpoint_path(path)])
    assert not session.timeline.divergence
    return session


def iteration_of(place: tuple[int, int]) -> int:
    epoch, batch = place
    return (epoch - 1) * BATCHES + batch


def end_with(program: Program, sign: signal.Signals) -> None:
    """End it with a signal: its status says so, the terminal is as it was, and soon the engine is gone."""
    engines = program.engines()
    assert program.signal(sign) == 128 + sign
    assert program.written.count(b"\x1b[?1049h") == program.written.count(b"\x1b[?1049l")
    assert b"\x1b[?1003l" in program.written
    end = time.monotonic() + PATIENCE  # one that was killed leaves when it is given the processor
    while any(map(is_there, engines)):
        assert time.monotonic() < end
        time.sleep(0.05)


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def kill_again_and_again(times: int, seed: int, state: Path, digests: list[str]) -> int:
    """Each time: step or run for a while; kill; what was seen is kept, with the right bits. Where the last stood."""
    choose = random.Random(seed)
    program, at = Program(*OPTIONS, state=state), 0
    program.until((1, 0))
    for _ in range(times):
        ran = False
        for _ in range(choose.randint(2, 12)):
            key = choose.choice(["b", "b", "b", "o", "B", " "])
            ran = ran or key == " "
            program.type(key)
            program.read(choose.uniform(0.0, 0.15))
        program.read(choose.uniform(0.0, 0.3))
        seen = program.place
        program.kill()
        session = kept()
        at = session.iteration
        if session.event is None:
            assert session.digest() == digests[at]
        if not ran:  # of a free run, the last second is computed again
            assert session.timeline.reached >= iteration_of(seen)
        program = Program("--resume", state=state)
        program.until((session.position.epoch, session.position.batch))
    end_with(program, signal.SIGTERM)
    assert kept().iteration == at
    return at


def test_a_kill_of_screen_and_engine_loses_no_step_that_was_seen(state: Path, digests: list[str]) -> None:
    at = kill_again_and_again(3, 1, state, digests)
    place = f"{(at - 1) // BATCHES + 1}:{(at - 1) % BATCHES + 1}"
    done = cli("--resume", "--headless", "--json", "-c", f"goto {place}", "-c", "digest")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert said[0]["value"] == "back where it stood"
    assert said[-1]["value"] == digests[at]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_many_kills_lose_no_step_that_was_seen(seed: int, state: Path, digests: list[str]) -> None:
    kill_again_and_again(5, 100 + seed, state, digests)


def test_a_terminal_that_is_closed_ends_it_with_the_run_kept_in_the_middle_of_a_batch(
    state: Path, digests: list[str]
) -> None:
    program = Program(*OPTIONS, state=state)
    program.until((1, 0))
    for key, place in zip("bbb", ((1, 1), (1, 2), (1, 3)), strict=True):
        program.type(key)
        program.until(place)
    program.type("o")
    program.until(" 1/25")
    program.type("o")
    program.until(" 2/25")
    end_with(program, signal.SIGHUP)
    session = kept()
    assert (session.iteration, session.event) == (4, 2)
    session.back()
    assert session.digest() == digests[3]


def test_edits_watches_branches_and_layout_survive_a_kill_and_nobody_resumes_it_before(state: Path) -> None:
    commands = ("goto 1:8", "goto 1:3", "set b[2] 0.25", "watch loss > 9")
    program = Program(*OPTIONS, *(word for line in commands for word in ("-c", line)), state=state)
    program.until("watch 1")
    assert last_run() is None
    done = cli("--resume", "--headless", "-c", "digest")
    assert done.returncode == 2
    assert "no run to resume" in done.stderr
    program.kill()
    session = kept()
    assert [(b.name, b.border) for b in session.branches.all] == [("main", 0), ("branch-2", 3)]
    assert [edit.text for edit in session.timeline.edits] == ["set b[2] 0.25"]
    assert [watch.condition.text for watch in session.watches.all] == ["loss > 9"]
    assert session.do("print b[2][1]").value == 0.25
    session.do("switch main")
    assert session.iteration == 3
    session.do("goto 1:8")
    assert session.digest() == plain_digests(small(epochs=1))[8]


def test_without_a_place_to_write_the_program_runs_unsaved(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program = Program(*OPTIONS, state=tmp_path / "file")
    program.until((1, 0))
    program.type("b")
    program.until((1, 1))
    program.type("q")
    assert program.ended() == 0
