"""A run as a small file: its recipe, the edits made on the way, its branches and watches, and where it stands.

A recording is data: reading one executes nothing, and what it says is checked before it is used. A run is
deterministic, so this is enough to get it back; `digest` tells whether this machine's arithmetic gives the same bits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import RecordingError
from engine.experiments.experiment import Experiment
from engine.protocol.recipe import Edit, Job, Script

VERSION = 1
_LARGEST = 16 * 2**20  # bytes


class SavedBranch(msgspec.Struct, frozen=True):
    """A branch: all edits on the way to it, how far it has run, and where its cursor was left."""

    name: str
    parent: str
    border: int
    edits: list[Edit]
    batches: int
    cursor: tuple[int, int | None]


class SavedWatch(msgspec.Struct, frozen=True):
    """A watch."""

    expression: str
    enabled: bool


class Recording(msgspec.Struct, frozen=True):
    """The file's contents."""

    nnwalk: int  # the version of this format
    experiment: Experiment | None
    script: Script | None
    audit: bool
    branches: list[SavedBranch]
    current: str
    watches: list[SavedWatch]
    digest: str = ""  # at the cursor; "" where it was not taken
    loss: str = ""  # of the cursor's batch, all its digits; "" where there is none
    torch: str = ""  # version and machine that computed them
    layout: dict[str, Any] = {}  # the screen's own


def content_of(recording: Recording) -> bytes:
    """A recording as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(recording), indent=1) + b"\n"


def read_recording(path: Path) -> Recording:
    """The recording in a file, checked.

    Raises RecordingError for a file that cannot be read, is not a recording, is cut off, or is of a newer program.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise RecordingError(f"{path} is {path.stat().st_size} bytes large", "a recording is a small file")
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise RecordingError(f"{path} cannot be read: {reason}", "check the name") from None
    try:
        _check_version(path, content)
        recording = msgspec.json.decode(content, type=Recording)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(f"{path} is not a whole recording: {error}", "save it again where it came from") from None
    _check(path, recording)
    return recording


def check_recording(job: Job) -> None:
    """Whether a job's recording can be opened, and its script is named. Raises RecordingError where not."""
    saved = read_recording(Path(job.recording)).script
    if saved is not None and job.script is None:
        raise RecordingError(
            f"{job.recording} is of a model in {saved.path}, which is run only if you name it",
            f"look at it, then: nnwalk-tui open {job.recording} --script {saved.path}:{saved.function}",
        )


def _texts(recording: Recording) -> Iterator[str]:
    """Every text in a recording: it may come to be read on a terminal."""
    parts: list[Any] = [msgspec.to_builtins(recording)]
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            parts += [*part, *part.values()]
        elif isinstance(part, list | tuple):
            parts += part


def _controls(text: str) -> bool:
    """Whether a text could steer the terminal that it is shown on."""
    return any(unicodedata.category(sign) == "Cc" and sign != "\t" for sign in text)


class _Versioned(msgspec.Struct):
    nnwalk: int


def _check_version(path: Path, content: bytes) -> None:
    version = msgspec.json.decode(content, type=_Versioned).nnwalk
    if version != VERSION:
        newer = version > VERSION
        raise RecordingError(
            f"{path} is a recording of version {version}, this program reads version {VERSION}",
            "update nnwalk-tui" if newer else "save it again with the program that made it",
        )


def _check(path: Path, recording: Recording) -> None:
    def require(holds: bool, problem: str) -> None:
        if not holds:
            raise RecordingError(f"{path} does not fit together: {problem}", "save it again where it came from")

    require(not any(map(_controls, _texts(recording))), "there are control characters in it")
    require((recording.experiment is None) != (recording.script is None), "it has not just one recipe")
    require(bool(recording.branches), "it has no branch")
    known: list[str] = []  # branches so far
    for branch in recording.branches:
        require(bool(branch.name) and branch.name not in known, f"branch “{branch.name}” is there twice, or nameless")
        require(branch.parent in known or (not branch.parent and not known), f"“{branch.name}” has no parent")
        known.append(branch.name)
        numbers = [branch.border, branch.batches, branch.cursor[0], *(edit.iteration for edit in branch.edits)]
        inside = branch.cursor[1] is None or (branch.cursor[0] >= 1 and branch.cursor[1] >= 1)
        require(min(numbers) >= 0 and inside, f"“{branch.name}” has a place before the start")
        require(
            max((edit.iteration for edit in branch.edits), default=0) <= branch.batches,
            f"“{branch.name}” is edited after its end",
        )
    require(recording.current in known, f"there is no branch “{recording.current}”")
