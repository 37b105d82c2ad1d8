"""The application: keys and commands in, engine messages out to the one snapshot, frames at the terminal's pace.

What is not on the first picture is imported when it is wanted.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

from textual import events, on
from textual.app import SystemCommand
from textual.command import CommandPalette, Provider
from textual.filter import LineFilter
from textual.screen import Screen

from engine.errors import CommandError, EngineError
from engine.experiments.experiment import Experiment
from engine.protocol.commands import Command
from engine.protocol.positions import Unit
from engine.protocol.replies import Answer
from nnwalk_tui import actions, terminal
from nnwalk_tui.actions import ScreenCommand
from nnwalk_tui.colours import theme
from nnwalk_tui.colours.appearance import Appearance
from nnwalk_tui.colours.schemes import DARK, SCHEMES, Scheme
from nnwalk_tui.config import keymap
from nnwalk_tui.config.settings import Chosen
from nnwalk_tui.listening import WALKS, ListeningApp
from nnwalk_tui.pacing import PacedDriver
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.panes.graph import GraphPane
from nnwalk_tui.panes.landscape import LandscapePane
from nnwalk_tui.panes.tape import TapePane
from nnwalk_tui.panes.timeline import TimelinePane
from nnwalk_tui.places.arrangement import Arrangement
from nnwalk_tui.places.layouts import LARGE, LESSON
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.screens.command_line import CommandLine
from nnwalk_tui.screens.main import MainScreen
from nnwalk_tui.screens.palette import Commands
from nnwalk_tui.shots import shot
from nnwalk_tui.teaching import Client, Plan, start_engine

MOST_PENDING = 3  # keys held down must not pile up steps
ARROWS = ("left", "right", "home", "end")  # they walk, until a pane is entered


class NNWalkApp(ListeningApp):
    """The screen of a training run that is walked through."""

    TITLE = "nnwalk"
    CSS_PATH = Path(__file__).with_name("app.tcss")  # also where a subclass stands in another folder
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

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
        self.unit = Unit.OP
        self.begin_listening(script)
        self.warning = ""  # to say at the start
        state = state or _state_folder()
        self.main = MainScreen(state / "history", lambda: self._names)
        self.begin_arranging(state, arrangement, layout)
        self.begin_teaching(lessons or Plan(), state / "lessons.json", new_client)

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
        self.set_interval(0.5, self._leave_with_the_terminal)
        if not self.is_headless:
            for sign in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(sign, partial(self.exit, return_code=128 + sign))
        self.client.on_message(self._receive)
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())  # fg finds an empty screen
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The screen is painted: now the engine may have the processor, which importing torch takes."""
        if not gc.isenabled():  # since the start of the program
            gc.freeze()
            gc.enable()
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

    def _leave_with_the_terminal(self) -> None:
        if isinstance(self._driver, PacedDriver) and self._driver.hung_up:
            self.exit(return_code=128 + signal.SIGHUP)

    def on_unmount(self) -> None:
        """Listen no more."""
        self.client.on_message(lambda _: None)
        self.end_teaching()

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
        from nnwalk_tui.shots import pictures

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
        app.client.close()
        client.close()
    return app.return_code or 0
