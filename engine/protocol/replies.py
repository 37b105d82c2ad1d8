"""What the engine says to a screen: answers to commands, frames, and what happens meanwhile."""

from __future__ import annotations

import msgspec

from engine.protocol.positions import Position
from engine.protocol.views import Snapshot


class Hit(msgspec.Struct, frozen=True):
    """A condition that came true: where, with which value, and what to look at next."""

    expression: str
    watch: int  # its number; 0 where it was given with until
    position: Position  # where the run stopped
    event: int  # that made it true, counted from 1
    title: str  # of that event, "backward · relu 2"
    value: str  # "norm(dW[1]) = 3.2e-08"
    advice: str


class BranchView(msgspec.Struct, frozen=True):
    """One future of the run."""

    name: str
    parent: str  # "" for the first
    border: int  # batches that it shares with its parent
    batches: int  # batches run
    loss: float | None  # of the last of them
    edits: list[str]
    current: bool


class Comparison(msgspec.Struct, frozen=True):
    """Two branches, as far as both have run. Losses are before the update."""

    first: str
    second: str
    batches: int  # that both have run
    differs: Position | None  # the first batch whose losses differ; None where none do
    first_loss: float | None  # there
    second_loss: float | None
    first_last: float | None  # at the last batch that both have run
    second_last: float | None


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """What came of one command."""

    id: int
    command: str
    position: Position | None
    value: object = None  # of `print`, `digest`, `stats`: numbers, lists or dicts
    metrics: dict[str, float] = {}  # of a command that moves: loss, accuracy, valid_loss …, as far as known
    text: str = ""  # the same, to read
    error: str = ""
    warning: str = ""  # what the command did not fail of, but must be known
    details: str = ""  # a traceback of the user's own code
    in_the_way: str = ""  # a file that is there: it is replaced at the user's word, by the command's name with a !
    hit: Hit | msgspec.UnsetType | None = msgspec.UNSET  # of a run: what stopped it, None where nothing did


class Frame(msgspec.Struct, frozen=True, tag="frame"):
    """A snapshot on its way to the screen."""

    snapshot: Snapshot


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """A long piece of work; `done` equal to `total` ends it."""

    label: str
    done: int
    total: int


class Log(msgspec.Struct, frozen=True, tag="log"):
    """A line that the engine or the user's code printed."""

    text: str


class Unsaved(msgspec.Struct, frozen=True, tag="unsaved"):
    """Why the run cannot be kept up to date on disk; "" once it can again."""

    problem: str


class ScriptEnded(msgspec.Struct, frozen=True, tag="ended"):
    """A script with a loop of its own has come to its end, with this exit status."""

    status: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The engine could not start its run, or cannot go on."""

    error: str
    details: str = ""


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """What follows is of the job that was asked for last."""


FromEngine = Answer | Frame | Progress | Log | Unsaved | ScriptEnded | Failed | Opened
