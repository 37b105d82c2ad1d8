"""Talks to the engine process, through all of its lives.

Everything that arrives is handed to one callback, from threads; `EngineDied` is the last message of a life that was
not asked to end.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from engine.protocol.messages import Arrange, Do, Interrupt, Look, Open, ToEngine
from engine.protocol.recipe import Job
from engine.protocol.replies import FromEngine, Log, Opened

if TYPE_CHECKING:
    from nnwalk_tui.client.engine_life import EngineLife

ENGINE = (sys.executable, "-P", "-m", "engine.server")  # -P: a folder "engine" where the user works is not ours
BACKLOG = 2000  # messages kept until somebody listens


class EngineDied(NamedTuple):
    """The engine process ended by itself, or was ended by someone else."""

    reason: str  # "killed by signal 9", "exit status 1"


class EngineClient:
    """The screen's hold on the engine process.

    `command` replaces the engine's command line in tests.
    """

    def __init__(self, job: Job, command: list[str] | None = None) -> None:
        self._job = job
        self._command = command or list(ENGINE)
        self._engine: EngineLife | None = None
        self._callback: Callable[[FromEngine | EngineDied], None] | None = None
        self._backlog: deque[FromEngine | EngineDied] = deque(maxlen=BACKLOG)
        self._delivering = threading.Lock()
        self._last_id = 0
        self._early: list[ToEngine] = []  # what was sent before there was an engine
        self._unheard = 0  # jobs that were asked for and are not open yet

    def start(self) -> None:
        """Start the engine process, if it is not; returns at once. Raises EngineError when it cannot be started."""
        if self._engine is not None:
            return
        from nnwalk_tui.client.engine_life import (
            EngineLife,  # the screen is painted before there is a process to talk to
        )

        self._engine = EngineLife(self._command, self._job, self._deliver)
        for message in self._early:
            self._engine.send(message)
        self._early.clear()

    def on_message(self, callback: Callable[[FromEngine | EngineDied], None]) -> None:
        """Hand every message to `callback`, from a thread of the client; those that came before first."""
        with self._delivering:
            for message in self._backlog:
                callback(message)
            self._backlog.clear()
            self._callback = callback

    def do(self, text: str) -> int:
        """Ask for a command; an Answer with the returned id follows."""
        self._last_id += 1
        self._send(Do(self._last_id, text))
        return self._last_id

    def look(self, look: Look) -> None:
        """Ask for the next frame."""
        self._send(look)

    def arrange(self, layout: dict[str, Any]) -> None:
        """Tell the engine the screen's layout, which recordings keep."""
        self._send(Arrange(layout))

    def interrupt(self) -> None:
        """Pause a run, or cancel a jump."""
        self._send(Interrupt())

    def reopen(self, job: Job) -> None:
        """Drop the job and open another in the same process: that spares the import of torch.

        Of the old job nothing more is heard.
        """
        with self._delivering:
            self._backlog.clear()
            self._unheard += 1
        self._job = job
        self._send(Open(job))

    def restart(self) -> None:
        """Begin a new engine process, where the last one stood; that one, if it still lives, is ended."""
        self.close()
        self._unheard = 0
        saved = self._job.autosave
        if saved and os.path.exists(saved):
            self._job = msgspec.structs.replace(self._job, recording=saved)
        self.start()

    def close(self) -> None:
        """End the engine process, within a second."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _send(self, message: ToEngine) -> None:
        if self._engine is None:
            self._early.append(message)
        else:
            self._engine.send(message)

    def _deliver(self, message: FromEngine | EngineDied) -> None:
        with self._delivering:
            if isinstance(message, Opened):
                self._unheard -= 1
            elif self._unheard and not isinstance(message, Log | EngineDied):
                return
            elif self._callback is None:
                self._backlog.append(message)
            else:
                self._callback(message)
