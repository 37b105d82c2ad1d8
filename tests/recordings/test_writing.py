"""Files are written whole or not at all, and a disk that is full or gone does not end a session."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from engine.errors import RecordingError
from engine.recordings.autosave import Autosave, checkpoint_path
from engine.recordings.recording import write_atomically
from tests.support.reopened import opened
from tests.support.sessions import small


@pytest.mark.parametrize("step", ["write_bytes", "chmod", "replace"])
def test_a_disk_that_fills_up_leaves_the_old_file(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, b"old")

    def full(draft: Path, *_: object) -> None:
        with draft.open("wb") as file:
            file.write(b"n")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, step, full)
    with pytest.raises(RecordingError, match="No space left"):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize("command", ["save", "export weights", "export metrics", "export script"])
def test_a_place_that_cannot_be_written_is_named_and_the_session_goes_on(command: str, tmp_path: Path) -> None:
    session = small()
    session.step()
    (tmp_path / "file").touch()
    for path in (tmp_path / "none" / "run.json", tmp_path / "file" / "run.json", tmp_path):
        error = session.do(f"{command} {path}").error
        assert "cannot be written" in error
    assert os.listdir(tmp_path) == ["file"]
    assert not session.do("step").error


def test_an_autosave_that_cannot_write_says_so_once_and_leaves_the_run_alone(tmp_path: Path) -> None:
    session = small()
    autosave = Autosave(session, tmp_path / "gone" / "run.json")
    autosave.now()
    assert "no longer saved" in autosave.problem
    problem = autosave.problem
    session.step()
    autosave.now()
    assert autosave.problem == problem
    assert not session.do("step").error


def test_an_autosave_keeps_a_checkpoint_near_enough(tmp_path: Path) -> None:
    session, path = small(), tmp_path / "run.json"
    session.step()
    session.trainer._seconds, session.trainer._batches_timed = 1.0, 1  # a batch takes a second, as far as it knows
    autosave = Autosave(session, path)
    for place in ("1:9", "2:3", "2:11"):
        session.goto(place)
        session.trainer._seconds, session.trainer._batches_timed = 1.0, 1
        autosave.now()
    again, said = opened(path, checkpoint_path(path))
    assert (again.iteration, again.digest()) == (22, session.digest())
    assert said
    assert max(i for i in again.timeline.history.iterations() if i < 22) >= 14
    assert torch.equal(torch.tensor(again.timeline.losses), torch.tensor(session.timeline.losses))
