"""Saves a session as a Recording, and brings a new session to where a recording left off."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import torch

from engine.debugger import Debugger
from engine.errors import HistoryError, RecordingError
from engine.experiments.experiment import Experiment
from engine.history.branches import Branch
from engine.protocol.recipe import Script
from engine.recordings.checkpoint import read_checkpoint
from engine.recordings.recording import VERSION, Recording, SavedBranch, SavedWatch


def recording_of(session: Debugger, *, digest: bool) -> Recording:
    """A session as it stands. Raises RecordingError for one that was made in Python from objects."""
    recipe = session.recipe
    if recipe is None:
        raise RecordingError(
            "this session was made of objects, which a file cannot hold",
            "put them into a function and open it with: nnwalk-tui run FILE.py:FUNCTION",
        )
    loss = session.loss
    return Recording(
        VERSION,
        recipe if isinstance(recipe, Experiment) else None,
        recipe if isinstance(recipe, Script) else None,
        session.timeline.audit,
        [_saved(session, branch) for branch in session.branches.all],
        session.branches.current.name,
        [SavedWatch(watch.condition.text, watch.enabled) for watch in session.watches.all],
        session.digest() if digest else "",
        "" if loss is None else repr(loss),
        f"{torch.__version__} {platform.machine()}",
        session.layout,
    )


def _saved(session: Debugger, branch: Branch) -> SavedBranch:
    current = branch is session.branches.current
    cursor = (session.iteration, session.event) if current else branch.cursor
    return SavedBranch(
        branch.name, branch.parent, branch.border, branch.timeline.edits, branch.timeline.reached, cursor
    )


def restore(session: Debugger, recording: Recording, checkpoints: Sequence[Path] = ()) -> str:
    """Bring a new session to where a recording left off, replaying what no checkpoint holds; what to say of it.

    Raises EngineError for edits or watches that do not fit the model, HistoryError where the way was interrupted.
    """
    session.layout = recording.layout
    _make_branches(session, recording)
    for path in checkpoints:
        read_checkpoint(path, session)
    iteration, event = session.branches.current.cursor
    session.go_to(iteration, event)
    if iteration > session.total and session.iteration == session.total:
        raise RecordingError(f"the recording stands at batch {iteration} of {session.total}", "it is of another run")
    if (session.iteration, session.event) != (iteration, event):
        raise HistoryError("the way to the recorded place was interrupted", "open it again")
    for watch in recording.watches:
        session.watches.add(session.condition(watch.expression)).enabled = watch.enabled
    return _verdict(session, recording)


def _make_branches(session: Debugger, recording: Recording) -> None:
    """All branches, before training; each replays when it is visited."""
    first = session.branches.current
    pristine, calendar = first.timeline.history.nearest(0), first.timeline.calendar
    session.branches.all.clear()
    for saved in recording.branches:
        with session.trainer.at_work:
            session.trainer.calendar = calendar.copy()
            session.trainer.restore(pristine)
            timeline = first.timeline.anew(saved.edits)
        timeline.reached = timeline.finished = saved.batches
        session.branches.add(Branch(saved.name, timeline, saved.parent, saved.border, saved.cursor))
    session.branches.current = session.branches.find(recording.current)


def _verdict(session: Debugger, recording: Recording) -> str:
    """Whether the bits are those of the recording."""
    here = f"{torch.__version__} {platform.machine()}"
    loss = session.loss
    same_loss = not recording.loss or (loss is not None and repr(loss) == recording.loss)
    same = session.digest() == recording.digest if recording.digest else same_loss
    if same:
        return "the same bits as recorded" if recording.digest else "back where it stood"
    there = f"recorded with torch {recording.torch}, this is {here}" if recording.torch != here else f"torch {here}"
    there += _moved(session, recording)
    return (
        f"warning: this machine's arithmetic differs: loss {loss!r} here, {recording.loss} recorded ({there}); "
        "the run is like the recorded one, but not the same"
    )


def _moved(session: Debugger, recording: Recording) -> str:
    """Where it ran and where it runs, if that is another device."""
    then, now = recording.experiment, session.recipe
    if then is None or not isinstance(now, Experiment) or then.device == now.device:
        return ""
    return f"; recorded on {then.device}, this is {now.device}"
