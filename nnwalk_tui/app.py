"""The application: keys and commands in, engine messages out to the one snapshot, frames at the terminal's pace.

What is not on the first picture is imported when it is wanted. Longer than others: the parts are wired to each other
and to Textual's events here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.app import App, SystemCommand
from textual.command import CommandPalette, Provider
from textual.filter import LineFilter
from textual.message import Message
from textual.screen import Screen

from engine.errors import EngineError
from engine.experiments.experiment import Experiment
from engine.files import FileThereError
from engine.protocol.grammar import Command
from engine.protocol.messages import Arrange
from engine.protocol.views import Snapshot
from nnwalk_tui import actions, terminal
from nnwalk_tui.actions import ScreenCommand
from nnwalk_tui.client.target import Target
from nnwalk_tui.colours import theme
from nnwalk_tui.colours.appearance import Appearance
from nnwalk_tui.colours.schemes import DARK, SCHEMES, Scheme
from nnwalk_tui.config import keymap
from nnwalk_tui.config.settings import Chosen
from nnwalk_tui.pacing import PacedDriver
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.panes.tape import TapePane
from nnwalk_tui.panes.timeline import TimelinePane
from nnwalk_tui.parts.arranger import Arranger
from nnwalk_tui.parts.classroom import Classroom, Plan, start_engine
from nnwalk_tui.parts.conversation import WALKS, Conversation
from nnwalk_tui.parts.key_queue import KeyQueue
from nnwalk_tui.parts.navigator import Navigator
from nnwalk_tui.parts.questions import Questions
from nnwalk_tui.parts.script import Script
from nnwalk_tui.parts.status import Status
from nnwalk_tui.places.arrangement import Arrangement, Memory
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.screens.command_line import CommandLine
from nnwalk_tui.screens.main import MainScreen
from nnwalk_tui.screens.palette import Commands
from nnwalk_tui.shots import shot

MOST_PENDING = 3  # keys held down must not pile up steps
ARROWS = ("left", "right", "home", "end")  # they walk, until a pane is entered


class NNWalkApp(App[None]):
    """The screen of a training run that is walked through: it wires its parts, and does what concerns all of it."""

    TITLE = "nnwalk"
    CSS_PATH = Path(__file__).with_name("app.tcss")  # also where a subclass stands in another folder
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    def __init__(
        self,
        target: Target,
        *,
        ascii: bool = False,
        colours: theme.Colours = theme.Colours.FULL,
        scheme: Scheme = DARK,
        layout: str = "",
        state: Path | None = None,
        lessons: Plan | None = None,
        script: Iterable[str] = (),
        new_target: Callable[[Experiment], Target] = start_engine,
        arrangement: Arrangement | None = None,
    ) -> None:
        """`state` is the folder of what is kept, by default the user's state folder; `new_target` starts an engine.

        `arrangement` is that of a recording, in place of the user's own. The commands of `script` are carried out one
        after another, up to the first that fails.
        """
        super().__init__(driver_class=PacedDriver)
        keymap.bind(self, ARROWS)
        self._appearance = Appearance(self, ascii=ascii, colours=colours, scheme=scheme)
        self.warning = ""  # to say at the start
        state = state or _state_folder()
        self._keys = KeyQueue(self)
        self.main = main = MainScreen(state / "history", lambda: self.talk.names)
        self.status = Status(main, lambda: self.talk.doing())
        self._script = Script(script, self.perform, lambda: self.talk.waiting > 0)
        ask = Questions(self).ask
        self.talk = Conversation(target, main, self.status, self._script, self._wake, self._when_sent, ask)
        plan, learnt = lessons or Plan(), state / "lessons.json"
        self.classroom = Classroom(
            self, main, self.talk, self.status, plan, learnt, new_target, self.screen_command, self.perform
        )
        memory = Memory(state / "layouts.json")
        self._arranger = Arranger(main, self.status, self.classroom, memory, self._tell_layout, arrangement, layout)
        self.navigator = Navigator(main, self.talk, self.classroom)

    @property
    def snapshot(self) -> Snapshot | None:
        """The run as it was last seen."""
        return self.talk.snapshot

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
        self.navigator.show_unit()
        self.status.show()
        self._ticking = self.set_interval(0.25, self._tick)
        self.talk.when_restless = self._ticking.resume
        if isinstance(self._driver, PacedDriver):
            self._driver.when_gone(partial(self.exit, return_code=128 + signal.SIGHUP))
        if not self.is_headless:
            for sign in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(sign, partial(self.exit, return_code=128 + sign))
        self.talk.listen()
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())  # fg finds an empty screen
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The screen is painted: now the engine may have the processor, which importing torch takes."""
        if not gc.isenabled():  # since the start of the program
            gc.freeze()
            gc.enable()
        self.talk.start()
        self._arranger.begin()
        if self.warning:
            self.status.log(self.warning)
            self.status.say(self.warning, "wrong")
        self.classroom.open_first()
        self._script.go_on()

    def _tick(self) -> None:
        """Say how long something takes, while there is something that does."""
        self.status.show()
        if not self.talk.restless:
            self._ticking.pause()

    def on_unmount(self) -> None:
        """Listen no more."""
        self.talk.target.on_message(lambda _: None)
        self.classroom.end()

    # What the user wants

    async def on_event(self, event: events.Event) -> None:
        """Keys are carried out in turn; each ends the notice of the key before."""
        if isinstance(event, events.Key):
            self.status.end_notice()
            self.main.choosing = self.main.choosing or event.key in ("up", "down", "pageup", "pagedown")
        await self._keys.take(event, super().on_event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are commands on the main screen only; arrows walk while a pane has the focus and is not entered."""
        if action == "press" and self.screen is not self.main:
            return False
        if action == "press" and parameters and actions.means(str(parameters[0]), ARROWS):
            pane = self.main.focused
            return isinstance(pane, Pane) and not (self.main.entered or pane.takes_arrows())
        return super().check_action(action, parameters)

    def action_press(self, text: str) -> None:
        """A key was pressed that means this command."""
        self.perform(text.format(unit=self.navigator.unit), pressed=True)

    def perform(self, text: str, *, pressed: bool = False) -> None:
        """Carry out a command, as a key that is `pressed`, or as a text; what is wrong with it is said."""
        try:
            command = actions.parse(text)
            if isinstance(command, ScreenCommand):
                self.carrying_out(command.name)(command.argument)
            elif not pressed or self._may_walk(command):
                self.talk.ask(text.strip(), command)
        except FileThereError as error:
            self.talk.ask_to_replace(str(error), lambda: self.perform(actions.insisting(text)))
        except EngineError as error:
            self._script.stop()
            self.status.say(str(error), "wrong")

    def _may_walk(self, command: Command) -> bool:
        """Whether a key's command may go on its way: a step ends a run, and keys held down must not pile up."""
        if not isinstance(command, WALKS) or self.snapshot is None:  # all that is typed ahead at the start is done
            return True
        if self.talk.waiting >= MOST_PENDING:
            return False
        if self.talk.running:
            self.talk.interrupt()
        return True

    def carrying_out(self, name: str) -> Callable[[str], None]:
        """What carries out a command of the screen's: a method `screen_NAME` of the application or of a part of it."""
        parts = (self, self.navigator, self._arranger, self.classroom)
        found: Callable[[str], None] = next(
            getattr(part, f"screen_{name}") for part in parts if hasattr(part, f"screen_{name}")
        )
        return found

    # What comes and goes

    class EngineSpoke(Message):
        """Messages of the engine wait to be read."""

    def _wake(self) -> None:
        self.post_message(self.EngineSpoke())

    @on(EngineSpoke)
    def listen(self) -> None:
        """Hear the engine out."""
        self.talk.read_inbox()

    def _when_sent(self, then: Callable[[], None]) -> None:
        """Call back when the terminal has all that was painted."""
        if isinstance(self._driver, PacedDriver):
            self._driver.outlet.when_drained(lambda: self._soon(then))
        else:
            then()

    def _soon(self, then: Callable[[], None]) -> None:
        self.call_later(then)  # from the writing thread

    def _tell_layout(self, layout: dict[str, Any]) -> None:
        self.talk.target.send(Arrange(layout))

    @on(MainScreen.Rearranged)
    @on(Pane.Wants)
    def look_again(self) -> None:
        """Other panes are on screen, or one that shows something else."""
        self.talk.ask_for_frame()

    @on(MainScreen.Resized)
    def fit_what_is_said(self) -> None:
        """What took one line may take several now, or fit in one."""
        self.status.say_again()

    @on(MainScreen.Rearranged)
    def keep_arrangement(self) -> None:
        """The arrangement may have changed."""
        self._arranger.keep()

    @on(Pane.Asked)
    def perform_for_a_pane(self, message: Pane.Asked) -> None:
        """A pane's key means a command."""
        if not message.quiet:
            self.perform(message.command)
        elif self.talk.waiting < MOST_PENDING:
            self.talk.ask(message.command, actions.parse(message.command), lambda _: None)

    @on(Pane.Said)
    def say_for_a_pane(self, message: Pane.Said) -> None:
        """A pane has something to say."""
        self.status.say(message.text)

    @on(Pane.Copied)
    def copy(self, message: Pane.Copied) -> None:
        """Hand text to the terminal's clipboard (OSC 52), which works over SSH, too."""
        self.copy_to_clipboard(message.text)
        self.status.say(f"copied {message.what}, {len(message.text)} characters, if the terminal allows it (OSC 52)")

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
            self.perform(f"goto {self.snapshot.position.epoch}:{self.snapshot.position.batch}:{event}")

    @on(CommandLine.Entered)
    def enter_command(self, message: CommandLine.Entered) -> None:
        """A command was typed."""
        self.main.close_command_line()
        self.perform(message.text)

    @on(CommandLine.Left)
    def leave_command(self) -> None:
        """The command line was left."""
        self.main.close_command_line()

    # The screen's commands, a method for each row of actions.SCREEN_COMMANDS; the parts have the others

    def screen_toggle(self, _: str) -> None:
        """Run, or pause."""
        if self.talk.running:
            self.talk.interrupt()
        else:
            self.perform("run")

    def screen_command(self, text: str) -> None:
        """Let a command be typed."""
        self.talk.ask_for_names()
        self.main.open_command_line(text)

    def screen_palette(self, _: str) -> None:
        """Search all commands."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=drawn("Search for commands…")))

    def screen_help(self, name: str) -> None:
        """All keys and commands, or one of them."""
        if name.strip():
            self._explain(name.strip())
            return
        from nnwalk_tui.screens.help import HelpScreen

        pane = self.main.current_pane
        self.push_screen(HelpScreen(pane, self.main.active_bindings.values()))

    def _explain(self, name: str) -> None:
        spec = actions.find(name)
        keys = actions.keys_of(spec.name)
        self.status.say(f"{spec.usage} — {spec.summary}" + (f" (keys: {keys})" if keys else ""))

    def screen_restart(self, _: str) -> None:
        """Start the engine again, and go back to where it stood."""
        if not self.talk.target.can.restart:
            self.status.say("this run cannot be started again from here", "wrong")
        elif self.talk.over or self.snapshot is None:
            self.run_worker(self.talk.restart(), exclusive=True)
        else:
            self.status.say("the engine lives — use goto start to begin again")

    def screen_screenshot(self, text: str) -> None:
        """Save what is on screen."""
        from nnwalk_tui.shots import pictures

        panes = {name: self.main.panes[name].region for name in self.main.plan.panes}
        position = self.snapshot.position if self.snapshot is not None else None
        self.status.say(pictures.take(self, shot.parse(text), position, panes))

    def screen_theme(self, name: str) -> None:
        """Other colours."""
        self._appearance.choose(name)

    def screen_suspend(self, _: str) -> None:
        """Back to the shell."""
        self.action_suspend_process()

    def screen_interrupt(self, _: str) -> None:
        """Stop what the engine does; with nothing to stop, leave."""
        if self.talk.running or self.talk.waiting or self.talk.progress:
            self.talk.interrupt()
        else:
            self.exit()

    def screen_quit(self, _: str) -> None:
        """Leave."""
        self.exit()


def _state_folder() -> Path:
    from platformdirs import user_state_path

    return user_state_path("nnwalk-tui")


def run(
    target: Target,
    looks: Chosen,
    *,
    lessons: Plan | None = None,
    script: Iterable[str] = (),
    arrangement: Arrangement | None = None,
    quit_status: int = 0,
) -> int:
    """Show the screen as well as the terminal can, until the user leaves, and end the engine; the exit status.

    That of a script with a loop of its own, if it has ended; `quit_status` where nothing has a status.
    """
    colours, settings = theme.Colours(terminal.colours()), looks.settings
    ascii = terminal.needs_ascii() if settings.ascii is None else settings.ascii
    keys, problems = keymap.remapped(settings, keymap.owners())
    actions.use_keys(keys)
    app = NNWalkApp(
        target,
        ascii=ascii,
        colours=colours,
        scheme=SCHEMES[terminal.scheme(settings.theme)],
        layout=settings.layout,
        lessons=lessons,
        script=script,
        arrangement=arrangement,
    )
    app.warning = looks.warning(problems)
    try:
        app.run(mouse=settings.mouse)
    finally:
        app.talk.target.close()
        target.close()
    ended = app.talk.exit_status
    return app.return_code or (quit_status if ended is None else ended)
