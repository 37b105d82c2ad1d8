"""Checkpoints beside a recording: every bit back, and left aside where they do not fit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.recordings.autosave import checkpoint_path
from engine.recordings.checkpoint import read_checkpoint, write_checkpoint
from engine.session import Session
from tests.support.reopened import as_it_stands, opened
from tests.support.sessions import edited, go, small


def with_dropout_and_adam() -> Session:
    return small()


def with_momentum() -> Session:
    return edited(batch_norm=True)


def with_a_schedule() -> Session:
    return small(schedule="cosine", optimizer="nadam")


def with_an_edited_batch_size_and_optimizer() -> Session:
    session = edited()
    for line in ("goto 1:2", "set batch_size 300", "goto 1:4", "set optimizer adam", "freeze 2", "set η 0.01"):
        assert not session.do(line).error
    return session


@pytest.mark.parametrize("at", [0, 1, 6, 8, 11, 13])
@pytest.mark.parametrize(
    "build",
    [with_dropout_and_adam, with_momentum, with_a_schedule, with_an_edited_batch_size_and_optimizer],
    ids=lambda build: build.__name__,
)
def test_a_checkpoint_brings_every_bit_back(build: Callable[[], Session], at: int, tmp_path: Path) -> None:
    session, recording, path = build(), tmp_path / "run.json", tmp_path / "run.safetensors"
    at = max(at, session.iteration)
    go(session, min(session.total, at + 3))
    go(session, at)
    state = session.timeline.state(at)
    assert state is not None
    write_checkpoint(path, session, state)
    assert not session.do(f"save {recording}").error
    again, said = opened(recording, path)
    assert "same bits" in said
    assert as_it_stands(again) == as_it_stands(session)
    if at > 0:
        assert min(i for i in again.timeline.history.iterations() if i) == at  # nothing before it was replayed
    for iteration in (at, session.total, 1, max(0, at - 1), min(session.total, at + 2)):
        assert go(again, iteration) == go(session, iteration)
        assert again.learning_rate == session.learning_rate
    assert list(again.timeline.losses) == list(session.timeline.losses)
    assert again.timeline.validations == session.timeline.validations
    assert not again.timeline.divergence


@pytest.fixture(scope="module")
def checkpointed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with a checkpoint beside it, both at batch 9."""
    path = tmp_path_factory.mktemp("checkpoint") / "run.json"
    session = small()
    go(session, 9)
    session.do(f"save {path}")
    state = session.timeline.state(9)
    assert state is not None
    write_checkpoint(checkpoint_path(path), session, state)
    return path


def test_a_damaged_checkpoint_is_left_aside(checkpointed: Path, tmp_path: Path) -> None:
    whole = checkpoint_path(checkpointed).read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    choose = random.Random(3)
    damaged = [whole[:length] for length in (0, 7, 8, 100, header - 1, header, len(whole) - 1)]
    damaged += [whole + b"more", b"\xff" * 8 + whole[8:], whole[:8] + b"{}" + whole[10:]]
    for _ in range(12):
        at = choose.randrange(8, header)
        damaged.append(whole[:at] + bytes([choose.randrange(32, 127)]) + whole[at + 1 :])
    path = tmp_path / "damaged.safetensors"
    for content in damaged:
        path.write_bytes(content)
        session, said = opened(checkpointed, path)
        assert session.iteration == 9
        assert "same bits" in said


def test_a_checkpoint_of_another_run_is_left_aside(checkpointed: Path, tmp_path: Path) -> None:
    others = {
        "seed": small(seed=5),
        "layers": small(layers=(784, 7, 4, 2)),
        "optimizer": small(optimizer="sgd"),
        "edit": small(),
        "norm": small(batch_norm=True),
    }
    others["edit"].do("set b[1] 0.5")
    for name, other in others.items():
        go(other, 8)
        state = other.timeline.state(8)
        assert state is not None
        path = tmp_path / f"{name}.safetensors"
        write_checkpoint(path, other, state)
        session, said = opened(checkpointed, path)
        assert "same bits" in said, name
        assert session.iteration == 9


def test_a_checkpoint_of_before_an_edit_in_the_past_is_left_aside(tmp_path: Path) -> None:
    session, path = small(), tmp_path / "run.safetensors"
    go(session, 9)
    state = session.timeline.state(9)
    assert state is not None
    write_checkpoint(path, session, state)
    go(session, 4)
    session.do("set b[1] 0.5")
    go(session, 10)
    session.do(f"save {tmp_path / 'run.json'}")
    again, said = opened(tmp_path / "run.json", path)
    assert "same bits" in said
    assert not read_checkpoint(path, again)
