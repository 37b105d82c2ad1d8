"""What the network takes every example of a partition, or of the batch, for, and how probable it holds that."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engine.errors import ExpressionError
from engine.lookup.moment import Moment
from engine.panes.examples import known_examples, probabilities
from engine.program.batches import split_batch
from engine.protocol.positions import Status
from engine.training.classes import are_classes, first_tensor, predicted_classes, target_classes
from engine.training.elsewhere import predicted_with


class Predicted(NamedTuple):
    """Of examples with a label: class indices (N,), and the probability of the prediction, None if there is none."""

    of: str  # "validation, 2000 examples, batch 1:3"
    labels: Tensor
    guesses: Tensor
    likely: Tensor | None


class PredictedHeld:
    """Those of the validation partition that were made last, and where."""

    def __init__(self) -> None:
        self.key: tuple[object, ...] = ()
        self.predicted: Predicted | None = None


def predicted(moment: Moment, of: str, held: PredictedHeld) -> Predicted:
    """Of "batch", or of the validation partition with the cursor's parameters.

    During a run the validation's are the last that were made. Raises ExpressionError where there are none.
    """
    if of == "batch" or moment.timeline.validation is None:
        return _of_batch(moment)
    key = moment.key
    if held.key != key and (moment.status is not Status.RUNNING or held.predicted is None):
        found = _of_validation(moment)
        if found is not None:
            held.key, held.predicted = key, found
    if held.predicted is None:
        raise ExpressionError("the predictions were interrupted", "look again")
    return held.predicted


def _of_batch(moment: Moment) -> Predicted:
    tape = moment.tape
    if tape is None:
        raise ExpressionError("no batch has run", "step a batch first")
    known = known_examples(moment, tape)
    if known.labels is None:
        raise _no_classes()
    if known.guesses is None:
        raise ExpressionError("nothing is predicted yet", "step past the model's output")
    return _labelled(f"this batch, {known.size} examples", known.labels, known.guesses, known.likely)


def _of_validation(moment: Moment) -> Predicted | None:
    """None if interrupted on the way."""
    tensors, boundary = moment.values.tensors(), moment.trainer.program.boundary
    labels: list[Tensor] = []
    guesses: list[Tensor] = []
    likely: list[Tensor | None] = []
    for item in moment.timeline.validation or ():
        if moment.interrupted():
            return None
        inputs, targets = split_batch(item)
        output = first_tensor(predicted_with(moment.trainer, tensors, inputs))
        if output is None or not are_classes(output, targets):
            raise _no_classes()
        labels.append(target_classes(targets))
        guesses.append(predicted_classes(output, boundary))
        likely.append(probabilities(moment, output, boundary))
    size, place = sum(map(len, labels)), moment.position
    where = f"batch {place.epoch}:{place.batch}" if moment.iteration else "before training"
    known = [each for each in likely if each is not None]
    return _labelled(
        f"validation, {size} examples, {where}",
        torch.cat(labels),
        torch.cat(guesses),
        torch.cat(known) if known and len(known) == len(likely) else None,
    )


def _labelled(of: str, labels: Tensor, guesses: Tensor, likely: Tensor | None) -> Predicted:
    there = labels >= 0
    if not bool(there.any()):
        raise ExpressionError("no example has a label", "right and wrong are of classes")
    return Predicted(of, labels[there], guesses[there], None if likely is None else likely[there])


def _no_classes() -> ExpressionError:
    return ExpressionError("the targets are no classes", "right and wrong are of classes")
