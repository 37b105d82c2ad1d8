"""A target: whoever runs the program that the screen shows. The screen knows its targets by this alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from engine.errors import CommandError
from engine.protocol import commands as ask
from engine.protocol.grammar import Command
from engine.protocol.messages import ToEngine
from engine.protocol.replies import FromEngine

_BACKWARD = (ask.Back, ask.ReverseRun, ask.Goto, ask.Switch)
_CHANGING = (ask.Set,)


class EngineDied(NamedTuple):
    """The engine process ended by itself, or was ended by someone else."""

    reason: str  # "killed by signal 9, SIGKILL", "exit status 1"


FromTarget = FromEngine | EngineDied


class Can(NamedTuple):
    """What a target can: not every program can be run again from an earlier batch, or be told to do something else."""

    back: bool = True  # go to where it has been
    edit: bool = True  # be changed on the way
    reopen: bool = True  # drop its job for another, told by an Open
    restart: bool = True  # start again where it stood, after it ended


class Target(Protocol):
    """Runs a program, and tells what is to be seen of it."""

    @property
    def can(self) -> Can:
        """What may be asked of it."""
        ...

    def start(self) -> None:
        """Begin, or, after `close`, begin again where it stood; returns at once. Raises EngineError where it cannot."""
        ...

    def send(self, message: ToEngine) -> None:
        """Ask for something; what is sent before the start is kept for it."""
        ...

    def on_message(self, callback: Callable[[FromTarget], None]) -> None:
        """Hand every message to `callback`, from any thread; those that came before first."""
        ...

    def close(self) -> None:
        """End it, within a second."""
        ...


def check(can: Can, command: Command) -> None:
    """Raises CommandError for a command that is beyond a target."""
    if not can.back and isinstance(command, _BACKWARD):
        raise CommandError("this run cannot go back", "its loop is not ours to run again: look at the batch it is in")
    if not can.edit and isinstance(command, _CHANGING):
        raise CommandError("this run cannot be changed", "its parameters and rates can only be looked at")
