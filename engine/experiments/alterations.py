"""The digits as an experiment has them: some of them, other labels, pixels elsewhere."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator, Tensor

from engine.errors import DataError
from engine.experiments.data import Digits, Partition, moved
from engine.experiments.data_options import RANDOM, wrong_share
from engine.experiments.experiment import Experiment


def altered(digits: Digits, experiment: Experiment) -> Digits:
    """The digits, points or sequences, with an experiment's alterations.

    First a sample of the training pictures is drawn, then their labels, both by one generator seeded with the
    experiment's seed; validation pictures are moved to the right, and last the pixels of all pictures scrambled.
    Raises DataError where there are fewer pictures than asked for.
    """
    generator = torch.Generator().manual_seed(experiment.seed)
    train = _sample(digits, experiment.train_size, generator)
    train = replace(train, labels=_labels(train.labels, len(digits.classes), experiment.labels, generator))
    valid = _moved_right(digits.valid, experiment.valid_shift)
    if experiment.scramble is not None:
        train, valid = _scrambled(train, experiment.scramble), _scrambled(valid, experiment.scramble)
    return replace(digits, train=train, valid=valid)


def _sample(digits: Digits, size: int | None, generator: Generator) -> Partition:
    """So many training pictures, in the data set's order."""
    part, there = digits.train, len(digits.train.labels)
    if size is None:
        return part
    if size > there:
        raise DataError(
            f"{digits.name} has {there} training pictures of these classes, not {size}",
            f"use --train-size 1 to {there}",
        )
    rows = torch.randperm(there, generator=generator)[:size].sort().values
    return Partition(part.images[rows], part.labels[rows], part.indices[rows])


def _labels(labels: Tensor, classes: int, kind: str, generator: Generator) -> Tensor:
    """Drawn anew, each class as likely (random); or of a share of them another class, each as likely (noisy)."""
    if kind == RANDOM:
        return torch.randint(classes, labels.shape, generator=generator)
    wrong = round(wrong_share(kind) * len(labels))
    rows = torch.randperm(len(labels), generator=generator)[:wrong]
    by = torch.randint(1, classes, (wrong, *labels.shape[1:]), generator=generator)
    return labels.index_add(0, rows, by).remainder(classes)


def _moved_right(part: Partition, by: int) -> Partition:
    offsets = torch.tensor([[0, by]]).expand(len(part.images), 2)
    return replace(part, images=moved(part.images, offsets)) if by else part


def _scrambled(part: Partition, seed: int) -> Partition:
    """All pictures with their pixels in one other order, the same for each."""
    order = torch.randperm(part.images[0].numel(), generator=torch.Generator().manual_seed(seed))
    return replace(part, images=part.images.flatten(1)[:, order].view_as(part.images))
