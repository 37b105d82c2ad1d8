"""From an experiment to what `engine.Session` takes: model, loss, optimizer, loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.errors import ExperimentError
from engine.experiments import models
from engine.experiments.alterations import altered
from engine.experiments.data import BatchLoader, Digits, Partition, load_digits
from engine.experiments.data_options import widest_shift
from engine.experiments.download import Progress
from engine.experiments.experiment import Experiment, n_classes, resolve
from engine.experiments.kinds import DIGITS, TOKENS, kind_of
from engine.experiments.losses import LOSSES
from engine.experiments.models import initialise, make_loss
from engine.experiments.networks import MODELS
from engine.experiments.optimizers import OPTIMIZERS, check_options
from engine.experiments.planes import PLANES
from engine.experiments.points import load_points
from engine.experiments.recurrent import set_forget_bias
from engine.experiments.schedules import schedule
from engine.experiments.sequences import SEQUENCES
from engine.experiments.tokens import load_sequences
from engine.program.devices import choose_device, prefer_determinism

VALIDATION_BATCH = 1000  # examples


@dataclass(frozen=True)
class Assembly:
    """Everything that a training loop needs.

    `validation` holds (inputs, targets) batches of at most 1000 examples, in the data set's order; `schedule` gives the
    factor on the base learning rate for an iteration counted from 1; `experiment` has no choice left open.
    """

    model: nn.Module
    loss: nn.Module
    optimizer: Optimizer
    loader: BatchLoader
    validation: list[tuple[Tensor, Tensor]]
    epochs: int
    schedule: Callable[[int], float]
    digits: Digits
    experiment: Experiment


def assemble(experiment: Experiment, progress: Progress | None = None) -> Assembly:
    """Build an experiment's parts; a plain loop that seeds and builds in the same order gets the same bits.

    The order: `torch.manual_seed(seed)`, the model, its parameters (drawn with a generator seeded anew with `seed`),
    which go to their device, the optimizer; the loader shuffles with a generator of its own, of the CPU, seeded with
    `seed`. Sets torch's number of threads, and for an accelerator its deterministic algorithms.
    Raises ExperimentError for what does not fit together or is not there, DataError for data that cannot be used.
    """
    experiment = _on_its_device(resolve(experiment))
    torch.set_num_threads(experiment.threads)
    digits = altered(_loaded(experiment, progress), experiment)
    _check_data(experiment, digits)
    torch.manual_seed(experiment.seed)
    model: nn.Module = getattr(models, MODELS[experiment.model].made_by).of(experiment)
    initialise(model, str(experiment.init), torch.Generator().manual_seed(experiment.seed))
    if experiment.forget_bias is not None:
        set_forget_bias(model, experiment.forget_bias)
    model.to(experiment.device)
    loader = _loader(experiment, digits.train)
    return Assembly(
        model=model,
        loss=make_loss(str(experiment.loss)),
        optimizer=_optimizer(experiment, model),
        loader=loader,
        validation=_validation(experiment, digits.valid),
        epochs=experiment.epochs or 0,
        schedule=schedule(experiment.schedule, (experiment.epochs or 0) * len(loader), len(loader)),
        digits=digits,
        experiment=experiment,
    )


def _loaded(experiment: Experiment, progress: Progress | None) -> Digits:
    if experiment.data in PLANES:
        return load_points(experiment.data, experiment.points or 0, experiment.noise or 0.0, experiment.seed)
    if experiment.data in SEQUENCES:
        return load_sequences(experiment.data, experiment.points or 0, experiment.length or 0, experiment.seed)
    return load_digits(experiment.data, experiment.classes, progress)


def _on_its_device(experiment: Experiment) -> Experiment:
    """The experiment with a device that is there."""
    device = choose_device(experiment.device)
    if device != "cpu":
        prefer_determinism()
    return msgspec.structs.replace(experiment, device=device)


def _check_data(experiment: Experiment, digits: Digits) -> None:
    images = digits.train.images
    pixels = images[0].numel()
    takes_pixels = kind_of(experiment.data) == DIGITS and MODELS[experiment.model].takes == "pixels"
    if takes_pixels and experiment.layers and experiment.layers[0] != pixels:
        raise ExperimentError(
            f"layers {'-'.join(map(str, experiment.layers))} take (N × {experiment.layers[0]}) but the images of "
            f"{digits.name}, ({len(images)} × 1 × 28 × 28), give (N × {pixels})",
            f"let the first layer size be {pixels}",
        )
    batch_size = experiment.batch_size or len(images)
    if experiment.batch_norm and len(images) % batch_size == 1:
        raise ExperimentError(
            f"{len(images)} examples in batches of {batch_size} leave one example for the last, too few for batch norm",
            "use another batch size",
        )


def _optimizer(experiment: Experiment, model: nn.Module) -> Optimizer:
    return make_optimizer(
        str(experiment.optimizer),
        model.parameters(),
        experiment.learning_rate or 0.0,
        experiment.momentum,
        experiment.weight_decay,
    )


def _loader(experiment: Experiment, train: Partition) -> BatchLoader:
    inputs, targets = _inputs(experiment, train), _targets(experiment, train)
    batch_size = min(experiment.batch_size or len(inputs), len(inputs))
    return BatchLoader(
        inputs.to(experiment.device),
        targets.to(experiment.device),
        batch_size,
        experiment.seed,
        indices=train.indices,
        shift=widest_shift(experiment.augment),
        labels=train.labels,
    )


def _validation(experiment: Experiment, valid: Partition) -> list[tuple[Tensor, Tensor]]:
    inputs, targets = (
        _inputs(experiment, valid).to(experiment.device),
        _targets(experiment, valid).to(experiment.device),
    )
    return [
        (inputs[start : start + VALIDATION_BATCH], targets[start : start + VALIDATION_BATCH])
        for start in range(0, len(inputs), VALIDATION_BATCH)
    ]


def _inputs(experiment: Experiment, partition: Partition) -> Tensor:
    if kind_of(experiment.data) == TOKENS:
        return partition.images
    match MODELS[experiment.model].takes:
        case "pictures":
            return partition.images
        case "rows":
            return partition.images.squeeze(1)
        case _:
            return partition.images.flatten(start_dim=1)


def _targets(experiment: Experiment, partition: Partition) -> Tensor:
    """Labels as the loss wants them: (N) int64, or float (N × 1) or one-hot (N × n_y); or the inputs themselves."""
    if MODELS[experiment.model].rebuilds:
        return _inputs(experiment, partition)
    if LOSSES[str(experiment.loss)].class_indices:
        return partition.labels
    if experiment.layers and experiment.layers[-1] == 1:
        return partition.labels.unsqueeze(1).float()
    return nn.functional.one_hot(partition.labels, n_classes(experiment)).float()


def make_optimizer(
    name: str,
    parameters: Iterable[Tensor],
    learning_rate: float,
    momentum: float | None = None,
    weight_decay: float | None = None,
) -> Optimizer:
    """A new optimizer of torch.optim; None for momentum and weight decay leaves the row's default.

    Raises ExperimentError for an option that this optimizer does not have.
    """
    spec = OPTIMIZERS[name]
    check_options(spec, momentum, weight_decay)
    options = dict(spec.options)
    if momentum is not None:
        options["momentum"] = momentum
    if spec.takes_weight_decay:
        options["weight_decay"] = spec.weight_decay if weight_decay is None else weight_decay
    optimizer: Optimizer = getattr(torch.optim, spec.torch_class)(parameters, lr=learning_rate, **options)
    return optimizer
