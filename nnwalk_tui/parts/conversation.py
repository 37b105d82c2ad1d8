"""The conversation with the target: what was asked of it, what it sends, and the run as it was last seen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

import msgspec

from engine.errors import EngineError
from engine.protocol.commands import Back, Compute, Goto, Names, RunOn, Step
from engine.protocol.grammar import Command
from engine.protocol.messages import Do, Interrupt, Look
from engine.protocol.positions import Status as RunStatus
from engine.protocol.replies import Answer, Failed, Frame, Log, Progress, ScriptEnded, Unsaved
from engine.protocol.views import Snapshot
from nnwalk_tui import actions
from nnwalk_tui.client.target import EngineDied, FromTarget, Target, check
from nnwalk_tui.parts.script import Script
from nnwalk_tui.parts.status import Status
from nnwalk_tui.screens.command_line import Tone
from nnwalk_tui.screens.main import MainScreen

PATIENCE = 0.3  # seconds until a step that is not done is spoken of
FLOOD = 2000  # lines of output kept of one burst
WALKS = (Step, Back, Goto)
Reply = Callable[[Answer], None]
Confirm = Callable[[str, Callable[[bool], None]], None]  # puts a question, and hands on whether the answer is yes


class _Request(NamedTuple):
    """What was asked. A question of the screen's `own` is not waited for, and its reply hears of errors, too."""

    text: str
    command: Command | None
    since: float = 0.0
    reply: Reply | None = None
    own: bool = False


class Conversation:
    """Asks the target, and takes in what it says.

    `wake` has `read_inbox` called soon, from any thread; `when_sent` calls back when the terminal has all that was
    painted, since the next frame waits for that; `confirm` asks the user.
    """

    def __init__(
        self,
        target: Target,
        main: MainScreen,
        status: Status,
        script: Script,
        wake: Callable[[], None],
        when_sent: Callable[[Callable[[], None]], None],
        confirm: Confirm,
    ) -> None:
        self.target = target
        self.snapshot: Snapshot | None = None
        self.progress: Progress | None = None
        self.names: list[str] = []  # that `print` knew when a command was typed last
        self.when_restless: Callable[[], None] = lambda: None
        self._unsaved = ""  # why the run cannot be kept
        self.exit_status: int | None = None  # of a script with a loop of its own, once it has ended
        self.over = ""  # why there is no engine to talk to; "" while there is one
        self._main, self._status, self._script = main, status, script
        self._wake, self._when_sent, self.confirm = wake, when_sent, confirm
        self._questions = 0  # that the user has not answered yet
        self._inbox: deque[FromTarget] = deque()
        self._woken = False
        self._look: Look | None = None
        self._look_is_out = False
        self._pending: dict[int, _Request] = {}
        self._last_id = 0
        self._begun = monotonic()

    # Beginning and ending

    def listen(self) -> None:
        """Take in what the target says from now on."""
        self.target.on_message(self.hear)

    def start(self) -> None:
        """Let the target begin."""
        try:
            self.target.start()
        except EngineError as error:
            self._take_end(str(error))

    async def restart(self) -> None:
        """Begin again where the target stood when it ended."""
        await asyncio.to_thread(self.target.close)
        self._begin_anew(None)
        self.start()
        self.ask_for_frame()

    def turn_to(self, target: Target, snapshot: Snapshot | None) -> None:
        """Show another target's run."""
        self.target.on_message(lambda _: None)
        self.target = target
        self._inbox.clear()
        self._begin_anew(snapshot)
        self._main.forget()
        self.listen()
        if snapshot is not None:
            self._main.show_snapshot(snapshot)
        self.ask_for_frame()

    def _begin_anew(self, snapshot: Snapshot | None) -> None:
        self._pending.clear()
        self._unsaved = ""
        self.when_restless()
        self.progress = None
        self.over, self.snapshot, self._look_is_out, self._begun = "", snapshot, False, monotonic()

    # What is asked

    def ask(self, text: str, command: Command, reply: Reply | None = None, *, own: bool = False) -> int:
        """Ask for a command, unless there is nobody to ask; `reply` takes the answer. Gives the number of the request.

        Raises CommandError for what the target cannot do.
        """
        check(self.target.can, command)
        self._last_id += 1
        if not self.over:  # else the status tells why nothing happens
            self._pending[self._last_id] = _Request(text, command, monotonic(), reply, own)
            self.when_restless()
            self.target.send(Do(self._last_id, text, command))
        return self._last_id

    def ask_for_names(self) -> None:
        """Ask what `print` knows now, where that can be told at once."""
        if self.snapshot is not None and not self.over and not self.running:
            self.ask("names", Names(), self._take_names, own=True)

    def _take_names(self, answer: Answer) -> None:
        found = answer.value
        self.names = [str(name) for name in found] if isinstance(found, list | dict) else answer.text.split()

    def ask_for_frame(self) -> None:
        """Send a Look, unless the same is out already."""
        look = self._main.look()
        if self.over or (self._look_is_out and look == self._look):
            return
        self._look, self._look_is_out = look, True
        self.target.send(look)

    def interrupt(self) -> None:
        """Pause a run, or cancel a jump."""
        self._script.stop()
        self.target.send(Interrupt())

    @property
    def waiting(self) -> int:
        """How many answers are waited for."""
        return self._questions + sum(not request.own for request in self._pending.values())

    @property
    def running(self) -> bool:
        """Whether the engine trains on or travels."""
        moving = self.snapshot is not None and self.snapshot.status in (RunStatus.RUNNING, RunStatus.TRAVELLING)
        return moving or any(isinstance(each.command, RunOn) for each in self._pending.values() if not each.own)

    # What comes

    def hear(self, message: FromTarget) -> None:
        """Take a message of the target's, from any thread; it is read soon."""
        self._inbox.append(message)
        if not self._woken:
            self._woken = True
            self._wake()

    def read_inbox(self) -> None:
        """Take in what has come; of a burst of output the last lines."""
        self._woken = False
        lines: deque[str] = deque(maxlen=FLOOD)
        while self._inbox:
            lines.extend(self._take(self._inbox.popleft()))
        if lines:
            self._status.log("\n".join(lines))
        self._script.go_on()
        self._status.show()

    def _take(self, message: FromTarget) -> list[str]:
        """Take in a message; what the log is told of it."""
        match message:
            case Log(text=text):
                return [text]
            case Frame(snapshot=snapshot):
                self._take_frame(snapshot)
            case Answer() as answer:
                self._take_answer(answer)
            case Unsaved(problem=problem):
                self._unsaved = problem
                return [problem or "this run is saved again, the whole of it"]
            case ScriptEnded(status=status):
                self.exit_status = status
                return [f"the script has ended with status {status}"]
            case Progress() as progress:
                self.progress = progress if progress.done < progress.total else None
            case Failed(error=error, details=details):
                self._take_end(error)
                return [error, *details.splitlines()]
            case EngineDied(reason=reason):
                self._take_end(f"the engine ended: {reason}")
                return [f"the engine ended: {reason}"]
        return []

    def _take_frame(self, snapshot: Snapshot) -> None:
        self._look_is_out = False
        self.snapshot = snapshot
        self._main.show_snapshot(snapshot)
        self._main.call_after_refresh(self._when_sent, self.ask_for_frame)

    def _take_answer(self, answer: Answer) -> None:
        request = self._pending.pop(answer.id, _Request(answer.command, None))
        if answer.warning:
            self._status.log(f"warning: {answer.warning}")
        if request.reply is not None and (request.own or not answer.error):
            request.reply(answer)
        elif answer.in_the_way:
            self.ask_to_replace(answer.error, lambda: self._replace(request))
        elif answer.error:
            self._take_error(answer)
        else:
            self._say_answer(answer, request)

    def ask_to_replace(self, problem: str, replace: Callable[[], None]) -> None:
        """Ask whether a file that is there is to be replaced; it is what it was unless the user says so."""

        def answered(yes: bool) -> None:
            self._questions -= 1
            if yes:
                replace()
            else:
                self._script.stop()
                self._status.say("nothing was written")
            self._script.go_on()

        self._questions += 1
        self.confirm(f"{problem.partition(' — ')[0]}. Replace it?", answered)

    def _replace(self, request: _Request) -> None:
        assert request.command is not None
        name, _, rest = request.text.partition(" ")
        self.ask(f"{name}! {rest}", msgspec.structs.replace(request.command, over=True), request.reply)

    def _take_error(self, answer: Answer) -> None:
        self._script.stop()
        self._status.say(answer.error, "wrong")
        if answer.details:
            self._status.log(f"{answer.error}\n{answer.details}")

    def _say_answer(self, answer: Answer, request: _Request) -> None:
        if answer.text and not isinstance(request.command, WALKS):
            self._status.log(f":{request.text}\n{answer.text}")
            self._status.say(answer.text)
        if answer.warning:
            self._status.say(f"warning: {answer.warning}", "wrong")

    def _take_end(self, why: str) -> None:
        self.over = self.over or why  # a run that could not start says why, and its end adds nothing
        self._pending.clear()
        self._script.stop()
        self.progress = None
        self._status.say("")

    # What goes on

    def doing(self) -> tuple[str, Tone]:
        """What the target does now, to be said in the status line."""
        if self.progress:
            return _bar(self.progress), "text"
        if self.over:
            return f"{self.over} — press {actions.keys_of('restart')} to restart", "wrong"
        if self.snapshot is None:
            return f"starting the engine… {monotonic() - self._begun:.0f} s", "quiet"
        for request in self._pending.values():
            if (not request.own or request.text.startswith("compute ")) and monotonic() - request.since > PATIENCE:
                return _doing(request), "quiet"
        return (self._unsaved, "wrong") if self._unsaved else ("", "quiet")

    @property
    def restless(self) -> bool:
        """Whether what is said of it changes as time passes."""
        return not self.over and (self.snapshot is None or bool(self._pending))


def _doing(request: _Request) -> str:
    if isinstance(request.command, RunOn):
        return f"running · {actions.keys_of('toggle')} pauses"
    if isinstance(request.command, Compute):
        return f"computing {request.command.request.partition(' ')[0]}… {monotonic() - request.since:.0f} s"
    return "stepping…" if isinstance(request.command, WALKS) else f"{request.text}…"


def _bar(progress: Progress) -> str:
    done = round(20 * progress.done / max(1, progress.total))
    return f"{progress.label} {'━' * done}{'─' * (20 - done)} {progress.done}/{progress.total} · Esc cancels"
