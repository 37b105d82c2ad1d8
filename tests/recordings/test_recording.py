"""Recordings: the same run again, with its branches, edits and watches, and with the user's own model."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import EngineError, RecordingError
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment, open_job
from engine.protocol.positions import Unit
from engine.protocol.recipe import Job, Script
from engine.recordings.recording import check_recording
from engine.recordings.restore import restore
from engine.session import Session
from tests.support.reopened import as_it_stands, opened, with_watches
from tests.support.sessions import edited, go


def at_a_border(session: Session) -> None:
    go(session, 9)


def mid_batch(session: Session) -> None:
    session.goto("1:7:12")


def before_training(session: Session) -> None:
    session.goto("start")


def with_edits(session: Session) -> None:
    for line in ("goto 1:3", "set W[1][3,5] 0.5", "goto 1:6", "set optimizer rmsprop", "freeze 2", "goto 2:3:9"):
        assert not session.do(line).error


def with_larger_batches(session: Session) -> None:
    for line in ("set learning_rate 0.05", "goto 1:5", "set batch_size 500", "goto 2:2"):
        assert not session.do(line).error


def with_smaller_batches(session: Session) -> None:
    for line in ("goto 1:5", "set batch_size 50", "goto 2:30:4"):
        assert not session.do(line).error


def edited_in_the_middle_of_a_batch(session: Session) -> None:
    for line in ("goto 2:1:9", "set optimizer adam", "set b[2] 0"):
        assert not session.do(line).error


def forked(session: Session) -> None:
    for line in (
        "run",
        "goto 1:6",
        "set batch_size 300",
        "goto end",
        "goto 1:9",
        "set η 0.3",
        "goto 2:1",
        "switch main",
    ):
        assert not session.do(line).error
    session.do("name first")


STORIES: list[Callable[[Session], None]] = [
    at_a_border,
    mid_batch,
    before_training,
    with_watches,
    with_edits,
    with_larger_batches,
    with_smaller_batches,
    edited_in_the_middle_of_a_batch,
    forked,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_recording_brings_everything_back(story: Callable[[Session], None], tmp_path: Path) -> None:
    session, path = edited(), tmp_path / "run.json"
    story(session)
    assert not session.do(f"save {path}").error
    again, said = opened(path)
    assert "same bits" in said
    assert as_it_stands(again) == as_it_stands(session)
    for branch in [b.name for b in session.branches.all]:
        places = [s.branches.find(branch).cursor for s in (session, again)]
        session.do(f"switch {branch}")
        again.do(f"switch {branch}")
        assert places[0] == places[1] or branch == session.branches.current.name
        assert (again.position, again.digest()) == (session.position, session.digest())
        session.goto("end")
        again.goto("end")
        assert (again.position, again.digest()) == (session.position, session.digest())


def test_saving_again_what_was_opened_gives_the_same_file(tmp_path: Path) -> None:
    session, first, second = edited(), tmp_path / "first.json", tmp_path / "second.json"
    forked(session)
    with_watches(session)
    session.do(f"save {first}")
    again, _ = opened(first)
    again.do(f"save {second}")
    assert json.loads(first.read_text()) == json.loads(second.read_text())


def test_branches_that_were_not_visited_since_opening_are_compared(tmp_path: Path) -> None:
    session, path = edited(), tmp_path / "run.json"
    forked(session)
    expected = session.compare("first", "branch-2")
    session.do(f"save {path}")
    again, _ = opened(path)
    assert again.compare("first", "branch-2") == expected
    assert again.digest() == session.digest()


def test_another_arithmetic_is_said(tmp_path: Path) -> None:
    session, path = edited(), tmp_path / "run.json"
    go(session, 5)
    session.do(f"save {path}")
    recorded = json.loads(path.read_text())
    path.write_text(json.dumps(recorded | {"digest": "0" * 64, "torch": "1.0 abacus"}))
    again, said = opened(path)
    assert "arithmetic differs" in said
    assert "1.0 abacus" in said
    assert again.position == session.position


def test_an_audit_is_recorded_as_one(tmp_path: Path) -> None:
    session = open_experiment(Experiment(layers=(784, 4, 10), batch_size=500), audit=True)
    session.step(Unit.BATCH, 3)
    session.do(f"save {tmp_path / 'run.json'}")
    again, _ = opened(tmp_path / "run.json")
    assert again.timeline.audit
    assert again.digest() == session.digest()


# ── recordings of a user's own model ──────────────────────────────────────────────────────────────────────────────────

SCRIPT = """
import torch
from pathlib import Path

Path(__file__).with_name("was-run").touch()

def model():
    net = torch.nn.Linear(3, 2)
    data = [(torch.randn(4, 3), torch.randint(0, 2, (4,))) for _ in range(5)]
    return net, torch.nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters()), data
"""


@pytest.fixture
def scripted(tmp_path: Path) -> Path:
    """A recording of a script, which was run for it and leaves a trace where it is run again."""
    (tmp_path / "own.py").write_text(SCRIPT)
    session, _ = open_job(Job(script=Script(str(tmp_path / "own.py"), "model", 2)))
    session.do("step batch 7")
    session.do("watch loss > 99")
    assert not session.do(f"save {tmp_path / 'run.json'}").error
    (tmp_path / "was-run").unlink()
    return tmp_path / "run.json"


def named(recording: Path) -> Script:
    """The script of a recording, named by the user."""
    return Script(str(recording.with_name("own.py")), "model")


def test_a_recording_of_a_script_runs_nothing_unless_the_script_is_named(scripted: Path) -> None:
    for call in (check_recording, open_job):
        with pytest.raises(RecordingError, match="only if you name it") as caught:
            call(Job(recording=str(scripted)))
        assert str(caught.value).isprintable()
        assert "own.py" in str(caught.value)
    assert not scripted.with_name("was-run").exists()


def test_a_recording_of_a_script_goes_on_when_it_is_named(scripted: Path) -> None:
    session, recording = open_job(
        Job(recording=str(scripted), script=Script(str(scripted.with_name("own.py")), "model"))
    )
    assert recording is not None
    assert "same bits" in restore(session, recording)
    assert (session.iteration, session.total) == (7, 10)
    assert scripted.with_name("was-run").exists()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("epochs", 10**15),
        ("epochs", 0),
        ("epochs", -3),
        ("threads", 10**7),
        ("threads", 0),
        ("seed", 2**80),
        ("seed", -1),
    ],
)
def test_a_recording_of_a_script_with_hostile_numbers_is_refused(scripted: Path, name: str, number: int) -> None:
    recorded = json.loads(scripted.read_text())
    recorded["script"][name] = number
    scripted.write_text(json.dumps(recorded))
    with pytest.raises(EngineError, match=name):
        open_job(Job(recording=str(scripted), script=named(scripted)))
    assert not scripted.with_name("was-run").exists()


def test_a_session_of_objects_says_why_it_cannot_be_saved(tmp_path: Path) -> None:
    from tests.support.zoo import make

    error = make("lstm").session().do(f"save {tmp_path / 'run.json'}").error
    assert "made of objects" in error
    assert not os.listdir(tmp_path)
