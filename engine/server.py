"""The engine process: commands come in, views go out, in one thread.

Between two batches of a run the loop reads what has arrived: a `Look` asks for the next frame, an `Interrupt` or a
command that moves the cursor ends the run, and a command that only looks is answered at once. The process ends when the
screen's end of the connection closes, however the screen died.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections import deque
from pathlib import Path
from typing import Any

from engine.errors import EngineError, ModelError
from engine.launch import open_job
from engine.protocol import commands as ask
from engine.protocol.frames import alike
from engine.protocol.grammar import Looking
from engine.protocol.messages import Arrange, Do, Interrupt, Look, Open
from engine.protocol.positions import Position
from engine.protocol.recipe import Job
from engine.protocol.replies import Answer, Failed, Frame, Log, Opened, Progress, ScriptEnded, Unsaved
from engine.protocol.transport import EngineEnd, Opening, connect, read_opening
from engine.protocol.views import Snapshot
from engine.recordings.autosave import Autosave, checkpoint_path
from engine.recordings.restore import restore
from engine.session import Session
from engine.users_code import message_of

_POLL_EVERY = 0.004  # seconds between looks at the connection while training
_SLICE = 0.02  # seconds of work that a landscape takes between looks at the connection
_SAVE_AGAIN = 2.0  # seconds between two tries to save a run that could not be saved
_FRAME_EVERY = 0.1  # seconds between frames of a run
_GRACE = 0.5  # seconds that the engine has to end by itself when the screen is gone
_PROGRESS_AFTER = 0.3  # seconds that a jump may take in silence
_PROGRESS_EVERY = 0.05  # seconds between two words about it


class Server:
    """Serves one session to one screen."""

    def __init__(self, channel: EngineEnd) -> None:
        self._channel = channel
        self._queue: deque[Do] = deque()
        self._asides: deque[Do] = deque()  # questions to be answered in the middle of a run
        self._look: Look | None = None
        self._sent: Snapshot | None = None
        self._cut_short: set[int] = set()  # runs that were interrupted before they began, by their requests' numbers
        self._stop = False
        self._running = False
        self._polled = self._framed = self._began = self._told = 0.0
        self._progress: Progress | None = None
        self._autosave: Autosave | None = None
        self._told_unsaved = ""
        self._told_end = False
        self._layout: dict[str, Any] | None = None
        self._next: Job | None = None
        self._broken: tuple[Position, str] | None = None  # the place and branch whose batch cannot be recorded
        self._problem = ""  # why

    def serve(self, job: Job) -> None:
        """Open the job, and those that follow, and answer until the screen hangs up (EOFError)."""
        while True:
            self._serve_job(job)
            assert self._next is not None
            job, self._next = self._next, None
            self._progress = self._autosave = self._layout = self._broken = None
            self._sent, self._stop = None, False
            self._channel.send(Opened())

    def _serve_job(self, job: Job) -> None:
        try:
            session = self._open(job)
        except EngineError as error:
            self._channel.send(Failed(str(error), getattr(error, "details", "")))
            while self._next is None:
                self._receive()
            return
        session.interrupted = self._interrupted
        session.viewer.failed = lambda words: self._channel.send(Log(words))
        session.on_batch = lambda: self._between_batches(session)
        while self._next is None:
            self._serve_next(session)

    def _open(self, job: Job) -> Session:
        """The session, where its recording left off: the screen sees it while it is on the way there."""
        self._began = time.monotonic()
        session, recording = open_job(job, self._report_loading)
        session.trainer.at_work.have_process()
        session.progress = self._report
        if recording is not None:
            path = Path(job.recording)
            said = restore(session, recording, [checkpoint_path(path)])
            self._channel.send(Answer(0, f"open {path}", session.position, text=said))
        if job.autosave:
            self._autosave = Autosave(session, Path(job.autosave))
            self._autosave.now()
            self._tell_unsaved()
        self._end_progress()
        return session

    def _serve_next(self, session: Session) -> None:
        self._frame(session)
        while not self._queue:
            if session.viewer.landscape.pending and not self._channel.waiting():
                self._stop = False
                session.viewer.work(_SLICE)
            elif self._unsaved and not self._channel.waiting(_SAVE_AGAIN):
                self._save(session)
            else:
                self._receive()
                if self._next is not None:
                    return
            self._frame(session)
        if self._layout is not None:
            session.layout = self._layout
        self._carry_out(session, self._queue.popleft())

    def _carry_out(self, session: Session, request: Do) -> None:
        self._stop = request.id in self._cut_short
        self._cut_short.discard(request.id)
        self._began = time.monotonic()
        self._running = isinstance(request.command, ask.RunOn)
        answer = session.obey(request)
        self._running = False
        self._end_progress()
        self._answer_asides(session)
        if not isinstance(request.command, Looking):
            self._broken = None
            self._save(session)
        self._channel.send(answer)
        self._tell_end(session)

    def _tell_end(self, session: Session) -> None:
        status = session.trainer.exit_status
        if status is not None and not self._told_end:
            self._told_end = True
            self._channel.send(ScriptEnded(status))

    def _save(self, session: Session, *, now: bool = True) -> None:
        if self._autosave is None:
            return
        (self._autosave.now if now else self._autosave.sometimes)()
        self._tell_unsaved()

    @property
    def _unsaved(self) -> str:
        return "" if self._autosave is None else self._autosave.problem

    def _tell_unsaved(self) -> None:
        if self._unsaved != self._told_unsaved:
            self._told_unsaved = self._unsaved
            self._channel.send(Unsaved(self._unsaved))

    # ── what arrives ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _receive(self) -> None:
        message = self._channel.receive()
        match message:
            case Look():
                self._look = message
            case Interrupt():
                self._stop = True
                self._cut_short |= {waiting.id for waiting in self._queue if isinstance(waiting.command, ask.RunOn)}
            case Arrange(layout):
                self._layout = layout
            case Do():
                self._take(message)
            case Open(job):
                self._next, self._stop, self._look = job, True, None
                self._queue.clear()
                self._asides.clear()
                self._cut_short.clear()

    def _take(self, request: Do) -> None:
        if isinstance(request.command, ask.Pause):
            self._stop = True
        if not self._running:
            self._queue.append(request)
            return
        if isinstance(request.command, Looking):
            self._asides.append(request)
        else:
            self._stop = True
            self._queue.append(request)

    def _interrupted(self) -> bool:
        now = time.monotonic()
        if now - self._polled >= _POLL_EVERY:
            self._polled = now
            while self._next is None and self._channel.waiting():  # what comes after an Open is for the next job
                self._receive()
        return self._stop

    # ── what leaves ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _frame(self, session: Session) -> None:
        """Send the next snapshot if one is asked for and it differs from the last."""
        if self._look is None:
            return
        self._stop = False
        self._began = time.monotonic()
        shown = self._snapshot(session, self._look)
        self._end_progress()
        if not alike(shown, self._sent):
            self._sent, self._look = shown, None
            self._framed = time.monotonic()
            self._channel.send(Frame(shown))

    def _snapshot(self, session: Session, look: Look) -> Snapshot:
        """What is looked at; where the user's code raises, what can be shown without running it again and again."""
        if self._broken == (session.position, session.branches.current.name):
            return session.viewer.see_without_tape(look, self._problem)
        try:
            return session.viewer.see(look)
        except EngineError as error:
            self._problem, details = str(error), ""
            if isinstance(error, ModelError):
                self._broken, details = (session.position, session.branches.current.name), error.details
            self._channel.send(Log(f"{error}\n{details}".rstrip()))
            return session.viewer.see_without_tape(look, self._problem)

    def _between_batches(self, session: Session) -> bool:
        """Answer questions and send a due frame; True asks for a tape of the next batch, to have what to show."""
        self._save(session, now=False)
        if self._asides:
            self._answer_asides(session)
        if self._look is None or time.monotonic() - self._framed < _FRAME_EVERY:
            return False
        if session.timeline.held_tape(session.iteration) is None:
            return True
        stop = self._stop
        self._frame(session)
        self._stop = self._stop or stop
        return False

    def _answer_asides(self, session: Session) -> None:
        while self._asides:
            self._channel.send(session.obey(self._asides.popleft()))

    def _report(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._began > _PROGRESS_AFTER and now - self._told > _PROGRESS_EVERY:
            self._progress, self._told = Progress(label, done, total), now
            self._channel.send(self._progress)

    def _report_loading(self, label: str, done: int, total: int) -> None:
        self._report(label, done, total)
        if self._interrupted():
            raise EngineError(f"{label} was cancelled", "press r to start again, or use the bundled subset")

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._channel.send(Progress(self._progress.label, self._progress.total, self._progress.total))
            self._progress = None


def main() -> None:
    """Entry point of the engine process."""
    opening: Opening = read_opening(sys.stdin.buffer)
    channel = connect(opening)
    channel.when_gone(_end_soon)
    try:
        Server(channel).serve(opening.job)
    except EOFError:
        return  # the screen is gone
    except Exception as error:  # the engine's own fault, or the system's: it is told before the process ends by it
        channel.send(Failed(f"the engine failed: {type(error).__name__}: {message_of(error)}", traceback.format_exc()))
        sys.exit(1)


def _end_soon() -> None:
    """End with the screen, in the middle of the user's code, too, which may sleep, and with what it has started."""
    time.sleep(_GRACE)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
