"""Calls of the user's own code: what it raises becomes a ModelError that names their line."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from engine.errors import HistoryError, ModelError
from engine.usual_errors import cure_of

_MESSAGE, _LAST, _TRACEBACK = 500, 5_000, 50_000  # characters of an exception that are told, on screen and in the log
_NOT_THE_USERS = (str(Path(__file__).parent), str(Path(torch.__file__).parent), "<frozen ")


def _users_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The traceback from the user's first line on: how this program came there tells them nothing."""
    frames = list(traceback.extract_tb(error.__traceback__))
    first = next((i for i, f in enumerate(frames) if not f.filename.startswith(_NOT_THE_USERS)), None)
    return frames if first is None else frames[first:]


def message_of(error: BaseException) -> str:
    """What an exception says, not at any length; its own code may fail at saying it."""
    try:
        return _shortened(str(error), _MESSAGE)
    except Exception as another:
        return f"(what it says cannot be told: {type(another).__name__})"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _users_traceback(error: BaseException) -> str:
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(_users_frames(error))]
    return _shortened("".join(lines), _TRACEBACK) + _shortened("".join(traceback.format_exception_only(error)), _LAST)


def _users_line(error: BaseException) -> str:
    """Where in the user's own code it happened: their innermost line, "model.py:12"."""
    theirs = [f for f in _users_frames(error) if not f.filename.startswith(_NOT_THE_USERS)]
    return f"{Path(theirs[-1].filename).name}:{theirs[-1].lineno}" if theirs else ""


def _exit_cure(error: SystemExit) -> str:
    parsed = any(Path(frame.filename).name == "argparse.py" for frame in _users_frames(error))
    if parsed:
        return "give its arguments after --, as in: nnwalk-tui run FILE.py:FUNCTION -- --lr 0.1"
    return "remove the call, or raise an error instead"


class users_code:  # noqa: N801 – it reads as the word of a with statement
    """Turns an exception of the user's own code into a ModelError that carries the traceback.

    A class, since a generator would take a small network 1 % of its time.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, ModelError | HistoryError):
            return
        if isinstance(error, Exception):  # the user's code may raise anything at all
            place = f", at {line}" if (line := _users_line(error)) else ""
            cure = f"{cure_of(error)}; the traceback is in the log".removeprefix("; ")
            raise ModelError(
                f"{self._what} raised {type(error).__name__}: {message_of(error)}{place}",
                cure,
                _users_traceback(error),
            ) from error
        if isinstance(error, SystemExit):
            raise ModelError(
                f"{self._what} called sys.exit({message_of(error)}), at {_users_line(error)}",
                _exit_cure(error),
                _users_traceback(error),
            ) from error
