"""The command line: which experiment, and whether on a screen or headless."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import msgspec

from engine.errors import EngineError, ModelError
from engine.experiments.experiment import Experiment, resolve
from engine.experiments.networks import MODELS
from engine.protocol.recipe import Command, Job, Script
from engine.recordings.recording import Recording, check_recording, read_recording
from nnwalk_tui import __version__
from nnwalk_tui.config.settings import Chosen, chosen
from nnwalk_tui.options import Program, ScriptName, experiment_options, program_options
from nnwalk_tui.terminal import before_the_screen, can_show_screen, guard_output

_USAGE = 2
_INTERRUPTED = 130
_DEVICE = "Another than the recorded one, where that is not there: cpu, cuda, cuda:N, mps, auto. Bits will differ."
_ELSEWHERE = {"config": "nnwalk_tui.config.command", "lesson": "nnwalk_tui.lesson_command"}


class _Group(click.Group):
    """`nnwalk-tui --seed 3` means `nnwalk-tui mlp --seed 3`, and `nnwalk-tui --resume` goes on with the last run.

    Commands of other modules are imported when they are asked for.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE:
            command: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == ["--resume"]:
            args = ["resume", *args[1:]]
        if not args or (args[0][:1] == "-" and args[0] not in ("--help", "--version", "-h")):
            args = ["mlp", *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            raise click.UsageError(
                f"there is no “{args[0]}”; there are {', '.join(self.list_commands(ctx))}", ctx
            ) from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="nnwalk-tui")
def commands() -> None:
    """A step-through debugger and visualizer for neural-network training.

    Without a command: mlp, 784-32-16-10 on the bundled digits.
    """


def _add_model(name: str, summary: str) -> None:
    @commands.command(name, help=f"Train {summary}.", short_help=summary)
    @experiment_options
    @program_options
    def model(**options: Any) -> None:
        program = Program.of(options)
        chosen = {key: value for key, value in options.items() if value is not None}
        experiment = Experiment(model=name, **chosen)
        try:
            resolve(experiment)
        except EngineError as error:
            raise click.UsageError(str(error)) from None
        sys.exit(_start(Job(experiment=experiment), program))


for _name, _model in MODELS.items():
    _add_model(_name, _model.summary)


@commands.command("run", short_help="your own model: FILE.py:FUNCTION")
@click.argument("script", type=ScriptName(), metavar="FILE.py:FUNCTION")
@click.argument("arguments", nargs=-1, metavar="[-- ARGUMENTS]")
@click.option("--epochs", type=click.IntRange(min=1), help="How often the loader is read; 1, or what FUNCTION says.")
@click.option("--batches", type=click.IntRange(min=1), help="In an epoch, of a loader without end.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of torch, numpy and random; 0.")
@click.option("--threads", type=click.IntRange(min=1), default=1, help="For torch; 1. Other numbers give other bits.")
@program_options
def run(
    script: Script,
    arguments: tuple[str, ...],
    epochs: int | None,
    batches: int | None,
    seed: int,
    threads: int,
    **options: Any,
) -> None:
    """Train your own program.

    FUNCTION returns model, loss, optimizer, loader (and a validation loader, a name, a scheduler); or modules,
    optimizers, loader and a step(batch) of your own. ARGUMENTS are what FILE.py finds in sys.argv.
    """
    path = str(Path(script.path).expanduser().resolve())
    recipe = Script(path, script.function, epochs or 1, seed, threads, batches or 0, epochs is not None, arguments)
    sys.exit(_start(Job(script=recipe), Program.of(options)))


@commands.command(
    "exec",
    short_help="any training script, as it is: SCRIPT.py ARGUMENTS",
    context_settings={"allow_interspersed_args": False},
)
@click.option("-m", "module", is_flag=True, help="SCRIPT is a module, as after python -m.")
@click.option("--keep", type=click.IntRange(min=1), default=20, help="Tapes held where there is no way back; 20.")
@click.argument("words", nargs=-1, required=True, metavar="SCRIPT.py [ARGUMENTS]", type=click.UNPROCESSED)
@program_options
def execute(module: bool, keep: int, words: tuple[str, ...], **options: Any) -> None:
    """Run a training script whose loop is its own, unchanged, and stop before its first batch.

    What stands after SCRIPT.py is the script's. A leading “python” may stay.
    """
    program = Program.of(options)
    command = msgspec.structs.replace(_command(words, module), keep=keep)
    if program.audit:
        raise click.UsageError("a script with a loop of its own cannot be audited: its batches are its own to apply")
    sys.exit(_start(Job(command=command), program))


def _command(words: tuple[str, ...], module: bool) -> Command:
    """What is to be run, of a command line that may begin with python. Raises click.UsageError."""
    if not module and len(words) > 1 and Path(words[0]).name.startswith("python"):
        words = words[1:]
        if words[0] == "-m":
            words, module = words[1:], True
    if not words or words[0].startswith("-"):
        raise click.UsageError("name the script: nnwalk-tui exec [OPTIONS] SCRIPT.py [ARGUMENTS]")
    return Command(words, module)


@commands.command("open", short_help="a recording that was saved")
@click.argument("recording", type=click.Path())
@click.option("--script", type=ScriptName(), metavar="FILE.py:FUNCTION", help="Of a recording of your own model.")
@click.option("--device", default="", help=_DEVICE)
@program_options
def open_recording(recording: str, script: Script | None, device: str, **options: Any) -> None:
    """Go on from a recording: the run is replayed to where it was saved, and its bits are checked."""
    job = Job(recording=recording, script=script, device=device)
    sys.exit(_start(job, Program.of(options)))


@commands.command("resume", short_help="the run that was interrupted last")
@click.argument("name", default="")
@click.option("--list", "as_list", is_flag=True, help="Print the runs that are kept, the last first.")
@click.option("--device", default="", help=_DEVICE)
@program_options
def resume(name: str, as_list: bool, device: str, **options: Any) -> None:
    """Go on with the last run that was left, lost its line, or was killed; or with that of a NAME in the list.

    One that cannot be read is named, and the one before it is taken.
    """
    from nnwalk_tui.runs import readable_runs

    program = Program.of(options)
    kept = ((path, found) for path, found in readable_runs() if name in ("", path.stem))
    for path, found in kept:
        if isinstance(found, EngineError):
            click.echo(f"nnwalk-tui: left aside: {found}", err=True)
        elif as_list:
            click.echo(f"{path.stem}  {_brief(found)}")
        else:
            sys.exit(_start(Job(recording=str(path), script=found.script, device=device), program))
    if not as_list:
        there_is = f"there is no run “{name}”: nnwalk-tui resume --list" if name else "there is no run to resume"
        raise click.UsageError(f"{there_is}; start one with nnwalk-tui")


def _brief(recording: Recording) -> str:
    """A recording in a line: what is trained, and how far it is."""
    what = recording.experiment.model if recording.experiment else ""
    if recording.script is not None:
        what = f"{recording.script.path}:{recording.script.function}"
    here = next(branch for branch in recording.branches if branch.name == recording.current)
    branches = f", {len(recording.branches)} branches" if len(recording.branches) > 1 else ""
    return f"{what}  batch {here.cursor[0]} of {here.batches} that were run{branches}"


def _start(job: Job, program: Program) -> int:
    looks = chosen(program.theme, program.ascii_only, program.no_mouse, program.history)
    job = msgspec.structs.replace(job, history_bytes=looks.settings.history, audit=program.audit)
    if job.recording:
        check_recording(job)
    reason = None if program.headless else can_show_screen()
    if program.headless or reason:
        from nnwalk_tui.headless import run_script, script_lines

        lines = script_lines(program.commands, program.script_file, reason)
        return run_script(job, lines, as_json=program.as_json, looks=looks, force=program.force)
    return _show(job, program, looks)


def _show(job: Job, program: Program, looks: Chosen) -> int:
    """Open the screen, which starts the engine when it has painted itself."""
    from nnwalk_tui.client.spawned import Spawned
    from nnwalk_tui.headless import script_lines
    from nnwalk_tui.runs import Kept

    if job.command is None:
        kept_run = Kept(job.recording)  # its lock lasts as long as this process
        job = msgspec.structs.replace(job, autosave=kept_run.path)
    target = Spawned(job)
    before_the_screen()
    try:
        script = [*script_lines(program.commands, program.script_file, None)]
        from nnwalk_tui.app import run
        from nnwalk_tui.places.arrangement import of_recording

        kept = of_recording(read_recording(Path(job.recording)).layout) if job.recording else None
        quit_status = _INTERRUPTED if job.command else 0
        return run(target, looks, script=script, arrangement=kept, quit_status=quit_status)
    finally:
        target.close()


def main() -> None:
    """Entry point of `nnwalk-tui`."""
    guard_output()
    try:
        commands(prog_name="nnwalk-tui")
    except EngineError as error:
        click.echo(f"nnwalk-tui: {error}", err=True)
        if isinstance(error, ModelError):
            click.echo(error.details, err=True)
        sys.exit(_USAGE)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has left
        sys.exit(1)
