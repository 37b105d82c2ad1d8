"""The application's part about the engine: what it sends, what is asked of it, and what is said of both."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from textual import on
from textual.message import Message

from engine.protocol.messages import Look
from engine.protocol.positions import Status
from engine.protocol.replies import Answer, Failed, Frame, FromEngine, Log, Progress
from engine.protocol.views import Snapshot
from nnwalk_tui import actions
from nnwalk_tui.arranging import ArrangingApp
from nnwalk_tui.client.engine_client import EngineDied
from nnwalk_tui.pacing import PacedDriver
from nnwalk_tui.panes.log import LogPane
from nnwalk_tui.screens.command_line import Tone
from nnwalk_tui.teaching import Client

PATIENCE = 0.3  # seconds until a step that is not done is spoken of
FLOOD = 2000  # lines of output kept of one burst
WALKS = ("step", "back", "goto")


class ListeningApp(ArrangingApp):
    """What the application hears of the engine and says to the user; the rest of it is in nnwalk_tui.app."""

    class EngineSpoke(Message):
        """Messages of the engine wait in the inbox."""

    def begin_listening(self, script: Iterable[str]) -> None:
        """Nothing is known yet; the commands of `script` are to be carried out one after another."""
        self.snapshot = None
        self._inbox: deque[FromEngine | EngineDied] = deque()
        self._spoken = False
        self._look: Look | None = None
        self._look_is_out = False
        self._pending: dict[int, tuple[str, float]] = {}
        self._silent: set[int] = set()
        self._replies: dict[int, Callable[[Answer], None]] = {}  # to questions that the screen asks for itself
        self._progress: Progress | None = None
        self._notice: tuple[str, Tone] = ("", "quiet")
        self._names: list[str] = []
        self._script = deque(script)
        self._begun = monotonic()
        self.over = ""  # why there is no engine to talk to; "" while there is one

    def perform(self, text: str) -> None:
        """Carry out a command."""
        raise NotImplementedError

    def show_run_of(self, client: Client, snapshot: Snapshot | None) -> None:
        """Show another engine's run."""
        self.client.on_message(lambda _: None)
        self.client = client
        for waiting in (self._inbox, self._pending, self._silent, self._replies):
            waiting.clear()
        self._progress = None
        self.over, self.snapshot, self._look_is_out, self._begun = "", snapshot, False, monotonic()
        self.main.forget()
        client.on_message(self._receive)
        if snapshot is not None:
            self.main.show_snapshot(snapshot)
        self.ask_for_frame()

    def hear(self, message: FromEngine | EngineDied) -> None:
        """Take a message of the engine's."""
        self._receive(message)

    # What comes from the engine

    def _receive(self, message: FromEngine | EngineDied) -> None:
        """Called from the client's threads."""
        self._inbox.append(message)
        if not self._spoken:
            self._spoken = True
            self.post_message(self.EngineSpoke())

    @on(EngineSpoke)
    def read_inbox(self) -> None:
        """Take in what has come; of a burst of output the last lines."""
        self._spoken = False
        lines: deque[str] = deque(maxlen=FLOOD)
        while self._inbox:
            match self._inbox.popleft():
                case Log(text=text):
                    lines.append(text)
                case Frame(snapshot=snapshot):
                    self._take_frame(snapshot)
                case Answer() as answer:
                    self._take_answer(answer)
                case Progress() as progress:
                    self._progress = progress if progress.done < progress.total else None
                case Failed(error=error, details=details):
                    self._take_end(error)
                    lines.extend([error, *details.splitlines()])
                case EngineDied(reason=reason):
                    self._take_end(f"the engine ended: {reason}")
                    lines.append(f"the engine ended: {reason}")
        if lines:
            self.log_lines("\n".join(lines))
        self._go_on_with_script()
        self._show_status()

    def _take_frame(self, snapshot: Snapshot) -> None:
        self._look_is_out = False
        self.snapshot = snapshot
        self.main.show_snapshot(snapshot)
        self.main.call_after_refresh(self._frame_painted)

    def _frame_painted(self) -> None:
        driver = self._driver
        if isinstance(driver, PacedDriver):
            driver.outlet.when_drained(self._frame_sent)
        else:
            self.ask_for_frame()

    def _frame_sent(self) -> None:
        self.call_later(self.ask_for_frame)  # from the writing thread

    def ask_for_frame(self) -> None:
        """Send a Look, unless the same is out already."""
        look = self.main.look()
        if self.over or (self._look_is_out and look == self._look):
            return
        self._look, self._look_is_out = look, True
        self.client.look(look)

    def _take_answer(self, answer: Answer) -> None:
        if self.take_lesson_answer(answer):
            return
        text, _ = self._pending.pop(answer.id, (answer.command, 0.0))
        if answer.warning:
            self.log_lines(f"warning: {answer.warning}")
        if answer.id in self._silent:
            self._silent.remove(answer.id)
            self._names = _names(answer)
            return
        reply = self._replies.pop(answer.id, None)
        if reply is not None and not answer.error:
            reply(answer)
            return
        if answer.error:
            self._script.clear()
            self.say(answer.error, "wrong")
            if answer.details:
                self.log_lines(f"{answer.error}\n{answer.details}")
            return
        if answer.text and text.split()[0] not in WALKS:
            self.log_lines(f":{text}\n{answer.text}")
            self.say(answer.text)
        if answer.warning:
            self.say(f"warning: {answer.warning}", "wrong")

    def _take_end(self, why: str) -> None:
        self.over = self.over or why  # a run that could not start says why, and its end adds nothing
        self._pending.clear()
        self._replies.clear()
        self._script.clear()
        self._progress = None
        self.say("")

    # What is said

    def say(self, text: str, tone: Tone = "text") -> None:
        """Show an error or an answer until the next key."""
        several = "\n" in text or len(text) > self.size.width - 2
        self.main.show_answer(text if several else "")
        self._notice = ("any key closes this", "quiet") if several else (text, tone)
        self._show_status()

    def log_lines(self, text: str) -> None:
        """Add lines to the log pane."""
        pane = self.main.panes["log"]
        assert isinstance(pane, LogPane)
        pane.add(text)

    def _show_status(self) -> None:
        self.main.command_line.say(*self._status())

    def _status(self) -> tuple[str, Tone]:
        if self._notice[0]:
            return self._notice
        if self._progress:
            return _bar(self._progress), "text"
        if self.over:
            return f"{self.over} — press {actions.keys_of('restart')} to restart", "wrong"
        if self.snapshot is None:
            return f"starting the engine… {monotonic() - self._begun:.0f} s", "quiet"
        for text, since in self._pending.values():
            if monotonic() - since > PATIENCE:
                return _doing(text), "quiet"
        return "", "quiet"

    # What is asked of it

    def _go_on_with_script(self) -> None:
        """Each command waits for the one before: one that moves the cursor would end a run."""
        while self._script and not self._pending:
            self.perform(self._script.popleft())

    def _interrupt(self) -> None:
        self._script.clear()
        self.client.interrupt()

    @property
    def running(self) -> bool:
        """Whether the engine trains on or travels."""
        moving = self.snapshot is not None and self.snapshot.status in (Status.RUNNING, Status.TRAVELLING)
        return moving or any(_command(text) == "run" for text, _ in self._pending.values())

    def _ask(self, text: str, reply: Callable[[Answer], None]) -> None:
        if not self.over:
            number = self.client.do(text)
            self._pending[number] = (text, monotonic())
            self._replies[number] = reply


def _names(answer: Answer) -> list[str]:
    if isinstance(answer.value, (list, dict)):
        return [str(name) for name in answer.value]
    return answer.text.split()


def _command(text: str) -> str:
    return text.split()[0].lower()


def _doing(text: str) -> str:
    name = _command(text)
    if name == "run":
        return f"running · {actions.keys_of('toggle')} pauses"
    return "stepping…" if name in WALKS else f"{text}…"


def _bar(progress: Progress) -> str:
    done = round(20 * progress.done / max(1, progress.total))
    return f"{progress.label} {'━' * done}{'─' * (20 - done)} {progress.done}/{progress.total} · Esc cancels"
