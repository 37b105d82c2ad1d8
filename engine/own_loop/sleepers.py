"""The way back of a running script: copies of the whole process that sleep, each at a border between two batches.

To look at a past batch the nearest one before it is woken: it makes a copy of itself, which goes on to the place,
unseen by the file system and the terminal, does there what it is asked to, and ends. The sleeper sleeps on.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from torch.optim import Optimizer

from engine.errors import EngineError, HistoryError
from engine.own_loop import forks
from engine.own_loop.overlay import write_unseen
from engine.own_loop.parcels import pack, unpack
from engine.own_loop.written import Files, Written

_SHARE = 50  # a copy is made after so many times what the last one cost
_MOST = 64  # copies
_POLL = 0.02  # seconds between two looks whether what is asked for was cancelled

Task = Callable[..., Any]


class Replay:
    """What a woken copy is: it does a task on what it has in its memory. `tell` reports how far it is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tell(self, label: str, done: int, total: int) -> None:
        """Report progress."""
        self._connection.send_bytes(pickle.dumps(("progress", (label, done, total))))


class _Sleeper(NamedTuple):
    iteration: int
    pid: int
    door: socket.socket  # requests go in here, each with a connection of its own


class Sleepers:
    """The sleeping copies of this process. In one that is woken `prepare` is done, then `task(subject, …)`.

    `problem` says why no more can be made, "" while they can.
    """

    def __init__(
        self,
        subject: Any,
        optimizers: Mapping[str, Optimizer],
        written: Written,
        budget: int,
        prepare: Callable[[Replay], None],
    ) -> None:
        self._subject, self._optimizers, self._budget, self._prepare = subject, optimizers, budget, prepare
        self._all: list[_Sleeper] = []
        self._made = -float("inf")
        self._written = written
        self._then: Files = {}  # in a copy: what files held when it was put to sleep
        self._cost = 0.0
        self.problem = forks.obstacle() or no_overlay()

    @property
    def iterations(self) -> list[int]:
        """The borders at which one sleeps."""
        return [sleeper.iteration for sleeper in self._all]

    def consider(self, iteration: int) -> None:
        """Make a copy at a border, where the last one is long enough ago. It returns in this process only."""
        if self.problem or time.monotonic() - self._made < _SHARE * self._cost:
            return
        self.problem = forks.obstacle()
        if self.problem or iteration in self.iterations:
            return
        began = time.monotonic()
        ours, theirs = socket.socketpair()
        writers = forks.writers()
        pid = forks.fork()
        if pid == 0:
            ours.close()
            forks.mute(writers)
            self._sleep(theirs)
        theirs.close()
        ours.recv(1)  # it has files of its own: from here on this process may move its places in them
        self._made = time.monotonic()
        self._cost = self._made - began
        self._all.append(_Sleeper(iteration, pid, ours))
        self._thin()

    def _thin(self) -> None:
        """Every second of the older ones goes where they are too many, or hold too much of their own."""
        while len(self._all) > 2 and (len(self._all) > _MOST or sum(map(_own_bytes, self._all)) > self._budget):
            for sleeper in self._all[1:-1:2]:
                self._end(sleeper)

    def _end(self, sleeper: _Sleeper) -> None:
        sleeper.door.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(sleeper.pid, 0)
        self._all.remove(sleeper)

    def forget_from(self, iteration: int) -> None:
        """Let those go that sleep at or after a border: what they hold is no more the run's past."""
        for sleeper in [sleeper for sleeper in self._all if sleeper.iteration >= iteration]:
            self._end(sleeper)

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(
        self,
        border: int,
        task: Task,
        *arguments: Any,
        interrupted: Callable[[], bool] = lambda: False,
        progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    ) -> Any:
        """What `task(subject, *arguments)` gives in a copy that slept at or before a border; None where interrupted.

        Raises HistoryError where there is none, or it ends before it answers; and what the task raises.
        """
        sleeper = max((s for s in self._all if s.iteration <= border), key=lambda s: s.iteration, default=None)
        if sleeper is None:
            raise HistoryError(f"there is no way back to batch {border}", self.problem or "it was not kept")
        ours, theirs = socket.socketpair()
        socket.send_fds(sleeper.door, [b"!"], [theirs.fileno()])
        theirs.close()
        with Connection(ours.detach()) as connection:
            connection.send_bytes(pack((self._written, task, arguments), self._optimizers))
            return self._answer(connection, interrupted, progress)

    def _answer(
        self, connection: Connection, interrupted: Callable[[], bool], progress: Callable[[str, int, int], None]
    ) -> Any:
        pid = 0
        while True:
            while not connection.poll(_POLL):
                if interrupted() and pid:
                    os.kill(pid, signal.SIGKILL)
                    return None
            try:
                kind, content = pickle.loads(connection.recv_bytes())
            except EOFError:
                raise HistoryError("the copy of the script that went back has ended on the way", "ask again") from None
            match kind:
                case "here":
                    pid = content
                case "progress":
                    progress(*content)
                case "raised":
                    raise unpack(content, self._optimizers)
                case "failed":
                    raise HistoryError("going back failed", content)
                case _:
                    return unpack(content, self._optimizers)

    # ── in the copies ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _sleep(self, door: socket.socket) -> None:
        """Wait to be woken, until nobody can any more. Never returns."""
        try:
            forks.have_own_files({door.fileno()})
            self._then = self._written.now()
            door.send(b"!")
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel clears away those that have answered
            while True:
                word, (descriptor,), *_ = socket.recv_fds(door, 1, 1)
                if not word:
                    break
                if forks.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    door.close()
                    self._serve(Connection(descriptor))
                os.close(descriptor)
        except (ValueError, OSError):  # the door is closed
            pass
        finally:
            os._exit(0)

    def _serve(self, connection: Connection) -> None:
        """Do one task, and end."""
        try:
            connection.send_bytes(pickle.dumps(("here", os.getpid())))
            self._all.clear()
            forks.write_to_copies()
            write_unseen()
            self._prepare(Replay(connection))
            since, task, arguments = unpack(connection.recv_bytes(), self._optimizers)
            self._written.put_back(self._then, since)
            answer: tuple[str, Any] = ("answer", pack(task(self._subject, *arguments), self._optimizers))
        except EngineError as error:
            answer = ("raised", pack(_plain(error), self._optimizers))
        except BaseException:
            answer = ("failed", traceback.format_exc())
        with contextlib.suppress(OSError):
            connection.send_bytes(pickle.dumps(answer))
        os._exit(0)


def _plain(error: EngineError) -> EngineError:
    """The same error without what it was raised from, which may be anything."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _own_bytes(sleeper: _Sleeper) -> int:
    """Bytes that a sleeper shares with no other process any more."""
    try:
        lines = Path(f"/proc/{sleeper.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def no_overlay() -> str:
    """Why a copy could not keep from writing to the file system; "" where it can."""
    pid = forks.fork()
    if pid == 0:
        status = 1
        try:
            write_unseen()
            status = 0
        finally:
            os._exit(status)
    done = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return (
        "" if done == 0 else "this system gives a process no file system of its own, and a replay would write to yours"
    )
