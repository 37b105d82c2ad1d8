"""Experiments trained to their end and measured after each epoch, for lessons about what training does (course §8)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn import functional

from engine.course.pairs import meant
from engine.course.progress import told, told_batches
from engine.experiments.assemble import Assembly, assemble
from engine.experiments.experiment import Experiment


class Measured(NamedTuple):
    """Of all training or all validation pictures: share that is named rightly, mean loss, and how sure it is.

    `sure_of_wrong` is the mean probability that is given to a wrong answer; NaN where none is wrong.
    """

    accuracy: float
    loss: float
    sure_of_wrong: float


class Course(NamedTuple):
    """What a run came to: before training and after each epoch."""

    train: list[Measured]
    valid: list[Measured]

    @property
    def best(self) -> int:
        """The epoch with the least validation loss."""
        return min(range(len(self.valid)), key=lambda epoch: self.valid[epoch].loss)

    @property
    def known(self) -> int:
        """The first epoch after which every training picture is named rightly; 0 for none."""
        return next((epoch for epoch, each in enumerate(self.train) if each.accuracy == 1), 0)


def assembled(experiment: Experiment) -> Assembly:
    """The parts of an experiment on the digits that were chosen."""
    return assemble(replace(experiment, data=meant(experiment.data)))


@lru_cache(maxsize=32)
def course_of(experiment: Experiment) -> Course:
    """An experiment trained as a session trains it, bit for bit: a lesson's live run shows the same numbers."""
    with aside():
        return measured(assembled(experiment))


def measured(parts: Assembly) -> Course:
    """A loop over all epochs."""
    course = Course([], [])
    _measure(parts, course)
    for _ in told(range(parts.epochs)):
        train_epoch(parts)
        _measure(parts, course)
    return course


class Trained(NamedTuple):
    """A model at the end of its run, on validation pictures."""

    experiment: Experiment
    model: nn.Module
    valid: Measured

    def on_training(self) -> Measured:
        """The model on its training pictures, measured now: of a convolutional network that takes a second."""
        with aside():
            loader = assembled(self.experiment).loader
            return measure(self.model, [(loader.inputs, loader.targets)])


@lru_cache(maxsize=32)
def trained(experiment: Experiment) -> Trained:
    """The end of the same run, measured there alone."""
    with aside():
        parts = assembled(experiment)
        for batch in told_batches(parts.loader, parts.epochs, len(parts.loader)):
            _train(parts, *batch)
        return Trained(experiment, parts.model, measure(parts.model, parts.validation))


def train_epoch(parts: Assembly) -> None:
    """One pass over all training pictures."""
    for batch in parts.loader:
        _train(parts, *batch)


def told_epoch(parts: Assembly) -> None:
    """The same, telling how far it is."""
    for batch in told_batches(parts.loader, 1, len(parts.loader)):
        _train(parts, *batch)


def _train(parts: Assembly, inputs: Tensor, targets: Tensor) -> None:
    parts.optimizer.zero_grad()
    loss: Tensor = parts.loss(parts.model(inputs), targets)
    torch.autograd.backward(loss)
    parts.optimizer.step()


def _measure(parts: Assembly, course: Course) -> None:
    course.train.append(measure(parts.model, [(parts.loader.inputs, parts.loader.targets)]))
    course.valid.append(measure(parts.model, parts.validation))


def measure(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> Measured:
    """A model with logits, in evaluation mode, on pictures and their class indices."""
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(inputs) for inputs, _ in batches])
    model.train()
    labels = torch.cat([targets for _, targets in batches])
    likely, guess = torch.softmax(logits, 1).max(1)
    right = guess == labels
    loss = float(functional.cross_entropy(logits, labels))
    return Measured(float(right.float().mean()), loss, float(likely[~right].mean()))


@contextmanager
def aside() -> Iterator[None]:
    """Leaves torch's generator and number of threads, which may be a run's, as they were."""
    threads = torch.get_num_threads()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
