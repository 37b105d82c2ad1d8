"""The command line: which experiment, and whether on a screen or headless."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from engine.errors import EngineError
from engine.experiment import MODELS, Experiment, resolve
from nnwalk_tui import __version__
from nnwalk_tui.lessons.command import lesson
from nnwalk_tui.options import experiment_options
from nnwalk_tui.terminal import can_show_screen

_USAGE = 2
_PROGRAM_OPTIONS = ("history", "headless", "commands", "script", "as_json", "ascii_only", "no_mouse")


class _DefaultGroup(click.Group):
    """`nnwalk-tui --seed 3` means `nnwalk-tui mlp --seed 3`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (
            args[0] not in self.commands and args[0] not in ("--help", "--version", "-h") and args[0][0] == "-"
        ):
            args = ["mlp", *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            raise click.UsageError(f"there is no “{args[0]}”; there are {', '.join(self.commands)}", ctx) from None


@click.group(cls=_DefaultGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="nnwalk-tui")
def commands() -> None:
    """A step-through debugger and visualizer for neural-network training.

    Without a command: mlp, 784-32-16-10 on the bundled digits.
    """


def _add_model(name: str, summary: str) -> None:
    @commands.command(name, help=f"Train {summary}.", short_help=summary)
    @experiment_options
    def model(**options: Any) -> None:
        program = {key: options.pop(key) for key in _PROGRAM_OPTIONS}
        chosen = {key: value for key, value in options.items() if value is not None}
        sys.exit(_start(Experiment(model=name, **chosen), **program))


for _name, _summary in MODELS.items():
    _add_model(_name, _summary)


commands.add_command(lesson)


def _start(
    experiment: Experiment,
    history: int,
    headless: bool,
    commands: tuple[str, ...],
    script: str | None,
    as_json: bool,
    ascii_only: bool,
    no_mouse: bool,
) -> int:
    try:
        resolve(experiment)
    except EngineError as error:
        raise click.UsageError(str(error)) from None
    reason = None if headless else can_show_screen()
    if headless or reason:
        from nnwalk_tui.headless import run_script, script_lines

        lines = script_lines(commands, script, reason)
        return run_script(experiment, lines, as_json=as_json, history_bytes=history)
    return _show(experiment, history, commands, script, ascii_only, no_mouse)


def _show(
    experiment: Experiment,
    history: int,
    commands: tuple[str, ...],
    script: str | None,
    ascii_only: bool,
    no_mouse: bool,
) -> int:
    """Open the screen. The engine starts first: it imports torch while the screen is being imported."""
    from nnwalk_tui.engine_client import EngineClient
    from nnwalk_tui.headless import script_lines

    client = EngineClient({**msgspec.to_builtins(experiment), "history": history})
    client.start()
    try:
        for line in script_lines(commands, script, None):
            client.do(line)
        from nnwalk_tui.app import run

        return run(client, ascii=ascii_only, mouse=not no_mouse)
    finally:
        client.close()


def main() -> None:
    """Entry point of `nnwalk-tui`."""
    try:
        commands(prog_name="nnwalk-tui")
    except EngineError as error:
        click.echo(f"nnwalk-tui: {error}", err=True)
        sys.exit(_USAGE)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has left
        sys.exit(1)
