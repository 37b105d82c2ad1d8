"""From an experiment to a Session."""

from __future__ import annotations

from collections.abc import Callable

from engine.assemble import Assembly, assemble
from engine.description import Description
from engine.experiment import Experiment
from engine.session import HISTORY_BYTES, Session


def open_experiment(
    experiment: Experiment,
    progress: Callable[[str, int, int], None] | None = None,
    history_bytes: int = HISTORY_BYTES,
) -> Session:
    """A session of a built-in experiment, before training.

    Raises ExperimentError for what does not fit together, DataError for data that cannot be used.
    """
    parts = assemble(experiment, progress)
    return Session(
        parts.model,
        parts.loss,
        parts.optimizer,
        parts.loader,
        validation=parts.validation,
        epochs=parts.epochs,
        schedule=parts.schedule if parts.experiment.schedule != "constant" else None,
        description=describe(parts),
        history_bytes=history_bytes,
    )


def describe(parts: Assembly) -> Description:
    """What the run is called on screen."""
    chosen = parts.experiment
    sizes = "-".join(map(str, chosen.layers or ()))
    words = [sizes] if chosen.model == "neuron" else [sizes, chosen.activation]
    return Description(
        name=chosen.model,
        model=" ".join(words).strip(),
        data=chosen.data,
        loss=str(chosen.loss),
        optimizer=chosen.optimizer,
        batch_size=parts.loader.batch_size,
        seed=chosen.seed,
        threads=chosen.threads,
        classes=parts.digits.classes,
        mean=parts.digits.mean,
        std=parts.digits.std,
    )
