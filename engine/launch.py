"""From a job to a Session: an experiment or a user's script, anew or as a recording left it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from engine.cursor import HISTORY_BYTES
from engine.errors import ExperimentError, ModelError, RecordingError
from engine.experiments.assemble import Assembly, assemble
from engine.experiments.data_options import GIVEN, UNMOVED
from engine.experiments.description import Description
from engine.experiments.experiment import Experiment
from engine.experiments.kinds import SYNTHETIC
from engine.experiments.networks import MODELS
from engine.experiments.planes import PLANES
from engine.own_loop.running import Running
from engine.own_loop.timeline import ScriptTimeline, keep_the_way_back
from engine.own_loop.trainer import ScriptTrainer, program_of
from engine.program.devices import choose_device
from engine.program.program import Program
from engine.program.script import load_script
from engine.protocol.recipe import Command, Job, Script
from engine.recordings.recording import Recording, check_recording, read_recording
from engine.session import Session

Progress = Callable[[str, int, int], None]


def open_experiment(
    experiment: Experiment,
    progress: Progress | None = None,
    history_bytes: int = HISTORY_BYTES,
    *,
    audit: bool = False,
) -> Session:
    """A session of a built-in experiment, before training.

    Raises ExperimentError for what does not fit together, DataError for data that cannot be used.
    """
    parts = assemble(experiment, progress)
    session = Session(
        parts.model,
        parts.loss,
        parts.optimizer,
        parts.loader,
        validation=parts.validation,
        epochs=parts.epochs,
        schedule=parts.schedule if parts.experiment.schedule != "constant" else None,
        description=describe(parts),
        history_bytes=history_bytes,
        audit=audit,
    )
    session.recipe = parts.experiment
    return session


def open_script(script: Script, history_bytes: int = HISTORY_BYTES, *, audit: bool = False) -> Session:
    """A session of a user's own model, before training. Raises ModelError for what cannot be used, or raises."""
    program = load_script(script)
    session = Session.of(
        program,
        epochs=script.epochs if script.epochs_given else program.epochs or script.epochs,
        description=_describe_script(script, program),
        history_bytes=history_bytes,
        audit=audit,
    )
    session.recipe = script
    return session


def open_command(command: Command, history_bytes: int = HISTORY_BYTES) -> Session:
    """A session of a script with a loop of its own, before its first batch.

    Raises ModelError if it raises, or trains none.
    """
    running = Running(command)
    running.start()
    if running.border is None:
        raise ModelError(
            f"{command.name} ended with status {running.status}, and trained no batch",
            "name a script that calls a module in training mode and makes optimizer steps",
        )
    program = program_of(running)
    description = replace(Description.of(program), name=command.name, data="its own loop")
    session = Session.of(
        program,
        trainer=ScriptTrainer(program, running),
        timeline=ScriptTimeline,
        description=description,
        history_bytes=history_bytes,
    )
    keep_the_way_back(session, running.written, history_bytes, command.keep)
    return session


def open_job(job: Job, progress: Progress | None = None) -> tuple[Session, Recording | None]:
    """The session that a job asks for, and the recording that it goes on from: `restore` brings it to its place.

    A recording of a script runs the script that the job names, none where it names none. Raises EngineError.
    """
    if job.recording:
        check_recording(job)
    recording = read_recording(Path(job.recording)) if job.recording else None
    if job.command is not None:
        return open_command(job.command, job.history_bytes), None
    recipe = _recorded(job, recording) if recording else job.experiment or job.script
    audit = recording.audit if recording else job.audit
    if isinstance(recipe, Script):
        session = open_script(recipe, job.history_bytes, audit=audit)
    else:
        session = open_experiment(recipe or Experiment(), progress, job.history_bytes, audit=audit)
    return session, recording


def _recorded(job: Job, recording: Recording) -> Experiment | Script | None:
    saved, named = recording.script, job.script
    if recording.experiment is not None:
        return _placed(job, recording.experiment)
    if job.device:
        raise RecordingError("a program of your own lives where it says itself", "choose the device in its FUNCTION")
    if saved is None or named is None:
        return None
    return msgspec.structs.replace(saved, path=named.path, function=named.function)


def _placed(job: Job, experiment: Experiment) -> Experiment:
    """A recorded experiment on its own device, or the job's. Raises RecordingError if it is not here."""
    device = job.device or experiment.device
    try:
        return msgspec.structs.replace(experiment, device=choose_device(device))
    except ExperimentError as error:
        if job.device:
            raise
        raise RecordingError(
            f"{job.recording} was run on {device}, which is not here",
            f"go on elsewhere, to other bits: nnwalk-tui open {job.recording} --device cpu",
        ) from error


def describe(parts: Assembly) -> Description:
    """What the run is called on screen."""
    chosen = parts.experiment
    return Description(
        name=chosen.model,
        model=_model(chosen),
        data=_data(chosen),
        loss=str(chosen.loss),
        optimizer=str(chosen.optimizer),
        batch_size=parts.loader.batch_size,
        seed=chosen.seed,
        threads=chosen.threads,
        classes=parts.digits.classes,
        mean=parts.digits.mean,
        std=parts.digits.std,
        digits=chosen.data if parts.digits.mean is not None else Description.digits,
        tokens=parts.digits.tokens,
    )


def _model(chosen: Experiment) -> str:
    """Its sizes, and its activation where it has a choice."""
    if chosen.heads is not None:
        parts = [(chosen.blocks, "block"), (chosen.heads, "head")]
        words = [f"width {chosen.width}", *(f"{n} {what}{'s'[: n > 1]}" for n, what in parts if n is not None)]
        words += [] if chosen.patch is None else [f"patch {chosen.patch}"]
        words += ["no positions"] if chosen.positions == "none" else []
        sizes = ", ".join(words)
    else:
        sizes = "-".join(map(str, chosen.layers or (1, *(chosen.channels or ()))))
    row = MODELS[chosen.model]
    return sizes if row.single or len(row.activations) == 1 else f"{sizes} {chosen.activation}"


def _data(chosen: Experiment) -> str:
    """The source of the digits or points, and what is altered in them."""
    if chosen.data in SYNTHETIC:
        of_points = [f"{chosen.points} points", f"noise {chosen.noise or 0:g}"]
        of_sequences = [f"{chosen.points} sequences of {chosen.length}"]
        words = [chosen.data, *(of_points if chosen.data in PLANES else of_sequences)]
        return ", ".join([*words, *([] if chosen.labels == GIVEN else [f"{chosen.labels} labels"])])
    words = [
        chosen.data if chosen.train_size is None else f"{chosen.train_size} of {chosen.data}",
        "" if chosen.labels == GIVEN else f"{chosen.labels} labels",
        "" if chosen.augment == UNMOVED else chosen.augment,
        "" if chosen.scramble is None else f"scrambled {chosen.scramble}",
        f"validation moved {chosen.valid_shift}" if chosen.valid_shift else "",
    ]
    return ", ".join(filter(None, words))


def _describe_script(script: Script, program: Program) -> Description:
    return replace(
        Description.of(program),
        name=program.name or script.function,
        data=Path(script.path).name,
        seed=script.seed,
        threads=script.threads,
    )
