"""Keeps a recording of the run on disk up to date, and beside it a checkpoint near enough to resume from quickly."""

from __future__ import annotations

import time
from pathlib import Path

from engine.debugger import Debugger
from engine.errors import RecordingError
from engine.files import keep
from engine.recordings.checkpoint import write_checkpoint
from engine.recordings.recording import content_of
from engine.recordings.restore import recording_of

_EVERY = 1.0  # seconds between saves of a free run
_FAR = 2.0  # seconds of replay that a checkpoint is worth
_SHARE = 60  # writing a checkpoint may take a 60th of the time since the last
_FARTHEST = 8.0  # seconds of replay after which one is written, whatever it costs


def checkpoint_path(recording: Path) -> Path:
    """Where the checkpoint of an autosaved recording is."""
    return recording.with_suffix(".safetensors")


class Autosave:
    """Saves a session whenever it is told that something was done, the whole of it each time.

    `problem` says why it could not, until it can again.
    """

    def __init__(self, session: Debugger, path: Path) -> None:
        self._session = session
        self._path = path
        self._saved = 0.0
        self._covered: tuple[str, int] = ("", 0)  # branch and batch of the checkpoint on disk
        self._cost = 0.0
        self._holds_too_much = False  # what no checkpoint can hold: the run is replayed instead
        self.problem = ""

    @property
    def covered(self) -> int:
        """The batch of the checkpoint on disk; 0 where there is none."""
        return self._covered[1]

    def now(self) -> None:
        """Save; after every command."""
        try:
            keep(self._path, content_of(recording_of(self._session, digest=False)))
            self._cover()
            self.problem = ""
        except OSError as error:
            self.problem = f"this run is not saved: {self._path.parent}: {error.strerror or error}"
        self._saved = time.monotonic()

    def sometimes(self) -> None:
        """Save if the last time is a second ago; between the batches of a run."""
        if time.monotonic() - self._saved >= _EVERY:
            self.now()

    def _cover(self) -> None:
        """Write a checkpoint where the replay to the cursor would take too long without."""
        timeline, iteration = self._session.timeline, self._session.finished
        branch, at = self._covered
        if branch != self._session.branches.current.name or at > iteration:
            at = 0
        away = (iteration - at) * self._session.trainer.seconds_per_batch
        if self._holds_too_much or away < min(_FARTHEST, max(_FAR, _SHARE * self._cost)):
            return
        state = timeline.history.nearest(iteration)
        if state.iteration <= at:
            return
        began = time.monotonic()
        try:
            write_checkpoint(checkpoint_path(self._path), self._session, state)
        except RecordingError:
            self._holds_too_much = True
            return
        self._cost = time.monotonic() - began
        self._covered = (self._session.branches.current.name, state.iteration)
