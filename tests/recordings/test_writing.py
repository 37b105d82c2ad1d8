"""Files are written whole or not at all, and a disk that is full or gone does not end a session."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
import torch

from engine.recordings.autosave import Autosave, checkpoint_path
from tests.support.reopened import opened
from tests.support.sessions import small


@pytest.mark.parametrize("command", ["save", "export weights", "export metrics", "export script"])
def test_a_place_that_cannot_be_written_is_named_and_the_session_goes_on(command: str, tmp_path: Path) -> None:
    session = small()
    session.step()
    (tmp_path / "file").touch()
    for path in (tmp_path / "none" / "run.json", tmp_path / "file" / "run.json", tmp_path):
        error = session.do(f"{command} {path}").error
        assert str(path) in error or str(path.parent) in error
    assert os.listdir(tmp_path) == ["file"]
    assert not session.do("step").error


@pytest.mark.parametrize("command", ["save {}.json", "export weights {}.x", "write W[1] {}.npy"])
def test_a_file_that_is_there_is_replaced_only_at_the_users_word(command: str, tmp_path: Path) -> None:
    session = small()
    line = command.format(tmp_path / "mine")
    assert not session.do(line).error
    (mine,) = tmp_path.iterdir()
    mine.write_text("mine")
    mine.chmod(0o640)
    answer = session.do(line)
    assert "there is a file" in answer.error
    assert answer.in_the_way == str(mine)
    assert mine.read_text() == "mine"
    name, _, rest = line.partition(" ")
    assert not session.do(f"{name}! {rest}").error
    assert mine.read_bytes() != b"mine"
    assert stat.S_IMODE(mine.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [mine]


def test_a_full_disk_is_told_and_when_there_is_room_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, path = small(), tmp_path / "run.json"
    autosave = Autosave(session, path)
    autosave.now()
    assert not autosave.problem

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    session.step()
    autosave.now()
    assert "No space left" in autosave.problem
    assert os.listdir(tmp_path) == ["run.json"]
    assert opened(path)[0].iteration == 0
    session.goto("1:3")
    monkeypatch.undo()
    autosave.now()
    assert not autosave.problem
    assert opened(path)[0].iteration == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


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
