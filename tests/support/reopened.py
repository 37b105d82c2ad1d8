"""Recordings opened again, and what they must bring back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.launch import open_job
from engine.protocol.recipe import Job
from engine.recordings.restore import restore
from engine.session import Session


def opened(path: Path, *checkpoints: Path) -> tuple[Session, str]:
    """A new session where a recording left off, and what is said of it."""
    session, recording = open_job(Job(recording=str(path)))
    assert recording is not None
    return session, restore(session, recording, checkpoints)


def as_it_stands(session: Session) -> dict[str, Any]:
    """What a recording must bring back."""
    return {
        "position": session.position,
        "digest": session.digest(),
        "loss": session.loss,
        "rate": session.learning_rate,
        "total": session.total,
        "watches": [(watch.condition.text, watch.enabled) for watch in session.watches.all],
        "branches": [(b.name, b.parent, b.border, b.timeline.edits) for b in session.branches.all],
        "current": session.branches.current.name,
    }


def with_watches(session: Session) -> None:
    for line in ("watch nan(*)", "break backward relu", "watch norm(dW[1]) > 9", "disable 2", "goto 2:2:3"):
        assert not session.do(line).error
