"""The target that the program usually has: an engine process, through all of its lives.

Everything that arrives is handed to one callback, from threads; `EngineDied` is the last message of a life that was
not asked to end.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from engine.protocol.messages import Open, ToEngine
from engine.protocol.recipe import Job
from engine.protocol.replies import Log, Opened
from nnwalk_tui.client.target import Can, EngineDied, FromTarget

if TYPE_CHECKING:
    from nnwalk_tui.client.engine_life import EngineLife

# -P: a folder "engine" where the user works is not ours
ENGINE: tuple[str, ...] = (sys.executable, "-P", "-m", "engine.server")
BACKLOG = 2000  # messages kept until somebody listens


class Spawned:
    """A target that is a process of its own, begun by the screen and ended with it.

    `command` replaces the engine's command line in tests.
    """

    can = Can()

    def __init__(self, job: Job, command: list[str] | None = None) -> None:
        self._job = job
        self._command = command or list(ENGINE)
        self._engine: EngineLife | None = None
        self._callback: Callable[[FromTarget], None] | None = None
        self._backlog: deque[FromTarget] = deque(maxlen=BACKLOG)
        self._delivering = threading.Lock()
        self._closed = False
        self._early: list[ToEngine] = []  # what was sent before there was an engine
        self._unheard = 0  # jobs that were asked for and are not open yet

    def start(self) -> None:
        """Start the engine process, if it is not; after `close`, where the last one stood.

        Returns at once. Raises EngineError when it cannot be started.
        """
        if self._engine is not None:
            return
        if self._closed:
            self._job, self._closed, self._unheard = self._where_it_stood(), False, 0
        from nnwalk_tui.client.engine_life import (
            EngineLife,  # the screen is painted before there is a process to talk to
        )

        self._engine = EngineLife(self._command, self._job, self._deliver)
        for message in self._early:
            self._engine.send(message)
        self._early.clear()

    def on_message(self, callback: Callable[[FromTarget], None]) -> None:
        """Hand every message to `callback`, from a thread of the client; those that came before first."""
        with self._delivering:
            for message in self._backlog:
                callback(message)
            self._backlog.clear()
            self._callback = callback

    def send(self, message: ToEngine) -> None:
        """Send a message, or keep it until there is an engine.

        After an Open nothing more is heard of the old job. That the process stays spares the import of torch.
        """
        if isinstance(message, Open):
            self._await_opening(message.job)
        if self._engine is None:
            self._early.append(message)
        else:
            self._engine.send(message)

    def _await_opening(self, job: Job) -> None:
        with self._delivering:
            self._backlog.clear()
            self._unheard += 1
        self._job = job

    def _where_it_stood(self) -> Job:
        """The job, from its last autosave on, if there is one."""
        saved = self._job.autosave
        return msgspec.structs.replace(self._job, recording=saved) if saved and os.path.exists(saved) else self._job

    def close(self) -> None:
        """End the engine process, within a second."""
        if self._engine is not None:
            self._engine.close()
            self._engine, self._closed = None, True

    def _deliver(self, message: FromTarget) -> None:
        with self._delivering:
            if isinstance(message, Opened):
                self._unheard -= 1
            elif self._unheard and not isinstance(message, Log | EngineDied):
                return
            elif self._callback is None:
                self._backlog.append(message)
            else:
                self._callback(message)
