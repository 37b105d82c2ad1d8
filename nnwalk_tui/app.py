"""The application: keys and commands in, engine messages out to the one snapshot, frames at the terminal's pace."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

from textual import events, on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.command import Provider
from textual.filter import LineFilter
from textual.message import Message
from textual.screen import Screen

from engine.commands import Command
from engine.errors import CommandError, EngineError
from engine.experiment import Experiment
from engine.messages import Look
from engine.views import Answer, Failed, Frame, FromEngine, Log, Progress, Snapshot, Status, Unit
from nnwalk_tui import actions, keymap, pictures, shot, terminal, theme
from nnwalk_tui.actions import ScreenCommand
from nnwalk_tui.appearance import Appearance
from nnwalk_tui.arrangement import Arrangement
from nnwalk_tui.arranging import ArrangingApp
from nnwalk_tui.engine_client import EngineDied
from nnwalk_tui.layouts import LARGE, LESSON
from nnwalk_tui.lessons.progress import Progress as LessonProgress
from nnwalk_tui.pacing import PacedDriver
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.panes.graph import GraphPane
from nnwalk_tui.panes.landscape import LandscapePane
from nnwalk_tui.panes.log import LogPane
from nnwalk_tui.panes.tape import TapePane
from nnwalk_tui.panes.timeline import TimelinePane
from nnwalk_tui.schemes import DARK, SCHEMES, Scheme
from nnwalk_tui.screens.command_line import CommandLine, Tone
from nnwalk_tui.screens.help import HelpScreen
from nnwalk_tui.screens.main import MainScreen
from nnwalk_tui.screens.palette import Commands
from nnwalk_tui.settings import Chosen
from nnwalk_tui.teaching import Client, Plan, start_engine

MOST_PENDING = 3  # keys held down must not pile up steps
PATIENCE = 0.3  # seconds until a step that is not done is spoken of
FLOOD = 2000  # lines of output kept of one burst
WALKS = ("step", "back", "goto")
ARROWS = ("left", "right", "home", "end")  # they walk, until a pane is entered


class NNWalkApp(ArrangingApp):
    """The screen of a training run that is walked through."""

    TITLE = "nnwalk"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    class EngineSpoke(Message):
        """Messages of the engine wait in the inbox."""

    def __init__(
        self,
        client: Client,
        *,
        ascii: bool = False,
        colours: theme.Colours = theme.Colours.FULL,
        scheme: Scheme = DARK,
        layout: str = "",
        state: Path | None = None,
        lessons: Plan | None = None,
        script: Iterable[str] = (),
        new_client: Callable[[Experiment], Client] = start_engine,
        arrangement: Arrangement | None = None,
    ) -> None:
        """`state` is the folder of what is kept, by default the user's state folder; `new_client` starts an engine.

        `arrangement` is that of a recording, in place of the user's own. The commands of `script` are carried out one
        after another, up to the first that fails.
        """
        super().__init__(driver_class=PacedDriver)
        keymap.bind(self, ARROWS)
        self._appearance = Appearance(self, ascii=ascii, colours=colours, scheme=scheme)
        self.client = client
        self.snapshot: Snapshot | None = None
        self.unit = Unit.OP
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
        self.warning = ""  # to say at the start
        self.over = ""  # why there is no engine to talk to; "" while there is one
        state = state or _state_folder()
        self.main = MainScreen(state / "history", lambda: self._names)
        self.begin_arranging(state, arrangement, layout)
        self.begin_teaching(lessons or Plan(), LessonProgress(state / "lessons.json"), new_client)

    def get_default_screen(self) -> Screen[Any]:
        """The main screen."""
        return self.main

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's, and what the terminal wants."""
        return self._appearance.filters(super().get_line_filters())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None: the palette lists the one command table."""
        return ()

    def on_mount(self) -> None:
        """Listen to the engine and to signals."""
        self._show_unit()
        self._show_status()
        self.set_interval(0.25, self._show_status)
        if not self.is_headless:
            for sign in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(sign, partial(self.exit, return_code=128 + sign))
        self.client.on_message(self._receive)
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())  # fg finds an empty screen
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The screen is painted: now the engine may have the processor, which importing torch takes."""
        try:
            self.client.start()
        except EngineError as error:
            self._take_end(str(error))
        self.say_how_arranged()
        if self.warning:
            self.log_lines(self.warning)
            self.say(self.warning, "wrong")
        self.open_first_lesson()
        self._go_on_with_script()

    def on_unmount(self) -> None:
        """Listen no more."""
        self.client.on_message(lambda _: None)
        self.end_teaching()

    def show_run_of(self, client: Client, snapshot: Snapshot | None) -> None:
        """Show another engine's run."""
        self.client.on_message(lambda _: None)
        self.client = client
        for waiting in (self._inbox, self._pending, self._silent):
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

    # What the user wants

    async def on_event(self, event: events.Event) -> None:
        """A key ends the notice of the key before."""
        if isinstance(event, events.Key) and self._notice[0]:
            self.say("")
        await super().on_event(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are commands on the main screen only; arrows walk while a pane has the focus and is not entered."""
        if action == "press" and self.screen is not self.main:
            return False
        if action == "press" and parameters and actions.means(str(parameters[0]), ARROWS):
            return isinstance(self.main.focused, Pane) and not self.main.entered
        return super().check_action(action, parameters)

    def action_press(self, text: str) -> None:
        """A key was pressed that means this command."""
        walking = text.split()[0] in WALKS
        if walking and len(self._pending) >= MOST_PENDING:
            return
        if walking and self.running:
            self._interrupt()
        self.perform(text.format(unit=self.unit))

    def perform(self, text: str) -> None:
        """Carry out a command; what is wrong with it is said."""
        try:
            self._perform(text.strip(), actions.parse(text))
        except CommandError as error:
            self._script.clear()
            self.say(str(error), "wrong")

    def _perform(self, text: str, command: Command) -> None:
        if isinstance(command, ScreenCommand):
            getattr(self, f"screen_{command.name}")(command.argument)
        elif not self.over:  # else the status tells why nothing happens
            self._pending[self.client.do(text)] = (text, monotonic())

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
        return moving or any(text.split()[0] == "run" for text, _ in self._pending.values())

    @on(MainScreen.Rearranged)
    @on(Pane.Wants)
    def look_again(self) -> None:
        """Other panes are on screen, or one that shows something else."""
        self.ask_for_frame()

    @on(Pane.Asked)
    def perform_for_a_pane(self, message: Pane.Asked) -> None:
        """A pane's key means a command."""
        if not message.quiet:
            self.perform(message.command)
        elif len(self._pending) < MOST_PENDING:
            self._ask(message.command, lambda _: None)

    @on(Pane.Said)
    def say_for_a_pane(self, message: Pane.Said) -> None:
        """A pane has something to say."""
        self.say(message.text)

    @on(Pane.Copied)
    def copy(self, message: Pane.Copied) -> None:
        """Hand text to the terminal's clipboard (OSC 52), which works over SSH, too."""
        self.copy_to_clipboard(message.text)
        self.say(f"copied {message.what}, {len(message.text)} characters, if the terminal allows it (OSC 52)")

    @on(TapePane.Chosen)
    def go_to_event(self, message: TapePane.Chosen) -> None:
        """A row of the tape was chosen."""
        self._goto_event(message.number)

    @on(TimelinePane.CursorMoved)
    def go_along_the_batch(self, message: TimelinePane.CursorMoved) -> None:
        """A place of the time line was chosen."""
        self._goto_event(message.event)

    def _goto_event(self, event: int) -> None:
        if self.snapshot is not None:
            here = self.snapshot.position
            self.perform(f"goto {here.epoch}:{here.batch}:{event}")

    @on(CommandLine.Entered)
    def enter_command(self, message: CommandLine.Entered) -> None:
        """A command was typed."""
        self.main.close_command_line()
        self.perform(message.text)

    @on(CommandLine.Left)
    def leave_command(self) -> None:
        """The command line was left."""
        self.main.close_command_line()

    # The screen's commands, a method for each row of actions.SCREEN_COMMANDS

    def screen_toggle(self, _: str) -> None:
        """Run, or pause."""
        if self.running:
            self._interrupt()
        else:
            self.perform("run")

    def screen_unit(self, name: str) -> None:
        """Choose what the arrows step by."""
        units = actions.UNITS
        at = units.index(self.unit) + {"finer": -1, "coarser": 1}.get(name, 0)
        self.unit = Unit(name) if name in units else units[max(0, min(at, len(units) - 1))]
        self._show_unit()

    def _show_unit(self) -> None:
        self.main.timeline.unit = self.unit

    def screen_focus(self, name: str) -> None:
        """Go to a pane, by name, number or neighbourhood."""
        if name == LESSON and self.guide is None:
            self.list_lessons()
        elif name in ("next", "previous"):
            self.main.focus_beside(1 if name == "next" else -1)
        else:
            numbers = {number: pane for pane, number in actions.PANES.items() if number}
            self.main.focus_pane(numbers.get(name, name))

    def screen_enter(self, _: str) -> None:
        """Give the arrows to the pane; go on in a lesson."""
        if self.main.current == LESSON and self.guide is not None:
            self.go_on()
        else:
            self.main.entered = True

    def screen_zoom(self, _: str) -> None:
        """The focused pane alone, and back."""
        self.main.zoom(not self.main.zoomed)

    def screen_inspect(self, text: str) -> None:
        """Any tensor; without an expression the pane and back."""
        if not text.strip():
            if self.main.current == "tensor":
                self.main.leave("tensor")
            else:
                self.main.focus_pane("tensor")
            return
        expression, _, against = (part.strip() for part in text.partition(" vs "))
        if expression.startswith("["):
            expression = self.main.tensor.subject + expression
        self._ask(f"place {expression}", partial(self._inspect, against=against))

    def _inspect(self, answer: Answer, against: str) -> None:
        place = answer.value
        assert isinstance(place, dict)
        self.main.focus_pane("tensor")
        keep = place["expression"] == self.main.tensor.expression and not against
        self.main.tensor.inspect(place["expression"], place["row"], place["column"], None if keep else against)

    def screen_landscape(self, parameter: str) -> None:
        """The loss around the parameters; with a parameter, along it."""
        pane = self.main.panes["landscape"]
        assert isinstance(pane, LandscapePane)
        if parameter.strip():
            pane.along(parameter.strip())
        self.main.focus_pane("landscape")

    def _ask(self, text: str, reply: Callable[[Answer], None]) -> None:
        if not self.over:
            number = self.client.do(text)
            self._pending[number] = (text, monotonic())
            self._replies[number] = reply

    def screen_tape(self, _: str) -> None:
        """The tape, and back."""
        self.main.back_to_last("tape")

    def screen_log(self, _: str) -> None:
        """The log, and back."""
        self.main.back_to_last("log")

    def screen_find(self, text: str) -> None:
        """Search the graph."""
        pane = self.main.panes["graph"]
        assert isinstance(pane, GraphPane)
        self.main.focus_pane("graph")
        pane.find(text)

    def screen_escape(self, _: str) -> None:
        """Back out of the innermost thing; never quits."""
        if self._progress is not None:
            self._interrupt()
        elif self.main.entered:
            self.main.entered = False
        elif self.main.zoomed:
            self.main.zoom(False)
        elif self.main.current in LARGE:
            self.main.leave(self.main.current)

    def screen_command(self, text: str) -> None:
        """Let a command be typed."""
        if self.snapshot is not None and not self.over and not self.running:
            self._silent.add(self.client.do("names"))
        self.main.open_command_line(text)

    def screen_palette(self, _: str) -> None:
        """Search all commands."""
        self.action_command_palette()

    def screen_help(self, name: str) -> None:
        """All keys and commands, or one of them."""
        if name.strip():
            self._explain(name.strip())
            return
        pane = self.main.current_pane
        live = self.main.active_bindings.values()
        own = [(each.binding.key, each.binding.description) for each in live if each.node is pane and each.enabled]
        general = {binding.description for binding in Pane.BINDINGS if isinstance(binding, Binding)}
        own.sort(key=lambda key: key[1] in general)  # what all panes do comes last
        self.push_screen(HelpScreen(pane.pane_title, pane.about, own))

    def _explain(self, name: str) -> None:
        spec = actions.find(name)
        keys = actions.keys_of(spec.name)
        self.say(f"{spec.usage} — {spec.summary}" + (f" (keys: {keys})" if keys else ""))

    def screen_restart(self, _: str) -> None:
        """Start the engine again, and go back to where it stood."""
        if self.over or self.snapshot is None:
            self.run_worker(self._restart(), exclusive=True)
        else:
            self.say("the engine lives — use goto start to begin again")

    async def _restart(self) -> None:
        await asyncio.to_thread(self.client.restart)
        self.over, self.snapshot, self._look_is_out, self._begun = "", None, False, monotonic()
        self._pending.clear()
        self.ask_for_frame()

    def screen_screenshot(self, text: str) -> None:
        """Save what is on screen."""
        self.say(pictures.take(self, shot.parse(text)))

    def screen_theme(self, name: str) -> None:
        """Other colours."""
        self._appearance.choose(name)

    def screen_suspend(self, _: str) -> None:
        """Back to the shell."""
        self.action_suspend_process()

    def screen_interrupt(self, _: str) -> None:
        """Stop what the engine does; with nothing to stop, leave."""
        if self.running or self._pending or self._progress:
            self._interrupt()
        else:
            self.exit()

    def screen_quit(self, _: str) -> None:
        """Leave."""
        self.exit()


def _names(answer: Answer) -> list[str]:
    if isinstance(answer.value, (list, dict)):
        return [str(name) for name in answer.value]
    return answer.text.split()


def _doing(text: str) -> str:
    name = text.split()[0]
    if name == "run":
        return f"running · {actions.keys_of('toggle')} pauses"
    return "stepping…" if name in WALKS else f"{text}…"


def _bar(progress: Progress) -> str:
    done = round(20 * progress.done / max(1, progress.total))
    return f"{progress.label} {'━' * done}{'─' * (20 - done)} {progress.done}/{progress.total} · Esc cancels"


def _state_folder() -> Path:
    from platformdirs import user_state_path

    return user_state_path("nnwalk-tui")


def run(
    client: Client,
    looks: Chosen,
    *,
    lessons: Plan | None = None,
    script: Iterable[str] = (),
    arrangement: Arrangement | None = None,
) -> int:
    """Show the screen as well as the terminal can, until the user leaves, and end the engine; the exit status."""
    colours, settings = theme.Colours(terminal.colours()), looks.settings
    ascii = terminal.needs_ascii() if settings.ascii is None else settings.ascii
    keys, problems = keymap.remapped(settings, keymap.owners())
    actions.use_keys(keys)
    app = NNWalkApp(
        client,
        ascii=ascii,
        colours=colours,
        scheme=SCHEMES[settings.theme],
        layout=settings.layout,
        lessons=lessons,
        script=script,
        arrangement=arrangement,
    )
    app.warning = looks.warning(problems)
    try:
        app.run(mouse=settings.mouse)
    finally:
        app.client.close()
        client.close()
    return app.return_code or 0
