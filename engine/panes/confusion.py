"""Which class is taken for which: of the validation partition, or of the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.errors import ExpressionError
from engine.lookup.moment import Moment
from engine.panes.examples import class_name, known_examples
from engine.program.batches import split_batch
from engine.protocol.positions import Status
from engine.protocol.views import Confusion
from engine.training.classes import are_classes, first_tensor, predicted_classes, target_classes
from engine.training.elsewhere import predicted_with

Key = tuple[object, ...]


class ConfusionHeld:
    """The last one of the validation partition, and where it was taken."""

    def __init__(self) -> None:
        self.key: Key = ()
        self.view: Confusion | None = None


def confusion(moment: Moment, of: str, held: ConfusionHeld) -> Confusion:
    """Counts by class and prediction; of "batch", or of the validation partition with the cursor's parameters.

    During a run the validation's is the last that was taken. Raises ExpressionError where there is none.
    """
    if of == "batch" or moment.timeline.validation is None:
        return _of_batch(moment)
    key = moment.key
    if held.key != key and (moment.status is not Status.RUNNING or held.view is None):
        found = _of_validation(moment)
        if found is not None:
            held.key, held.view = key, found
    if held.view is None:
        raise ExpressionError("the confusion matrix was interrupted", "look again")
    return held.view


def _of_batch(moment: Moment) -> Confusion:
    tape = moment.tape
    if tape is None:
        raise ExpressionError("no batch has run", "step a batch first")
    known = known_examples(moment, tape)
    if known.labels is None:
        raise ExpressionError("the targets are no classes", "a confusion matrix is of classes")
    if known.guesses is None:
        raise ExpressionError("nothing is predicted yet", "step past the model's output")
    return _counted(moment, f"this batch, {known.size} examples", known.labels, known.guesses)


def _of_validation(moment: Moment) -> Confusion | None:
    """None if interrupted on the way."""
    tensors = moment.values.tensors()
    labels: list[Tensor] = []
    guesses: list[Tensor] = []
    for item in moment.timeline.validation or ():
        if moment.interrupted():
            return None
        inputs, targets = split_batch(item)
        output = first_tensor(predicted_with(moment.trainer, tensors, inputs))
        if output is None or not are_classes(output, targets):
            raise ExpressionError("the targets are no classes", "a confusion matrix is of classes")
        labels.append(target_classes(targets))
        guesses.append(predicted_classes(output, moment.trainer.program.boundary))
    size, place = sum(map(len, labels)), moment.position
    where = f"batch {place.epoch}:{place.batch}" if moment.iteration else "before training"
    return _counted(moment, f"validation, {size} examples, {where}", torch.cat(labels), torch.cat(guesses))


def _counted(moment: Moment, of: str, labels: Tensor, guesses: Tensor) -> Confusion:
    labels, guesses = labels[labels >= 0], guesses[labels >= 0]
    if not len(labels):
        raise ExpressionError("no example has a label", "a confusion matrix is of classes")
    classes = max(len(moment.description.classes), int(labels.max()) + 1, int(guesses.max()) + 1)
    counts = torch.bincount(labels * classes + guesses, minlength=classes * classes).reshape(classes, classes)
    return Confusion(of, [class_name(moment, at) for at in range(classes)], counts.tolist())
