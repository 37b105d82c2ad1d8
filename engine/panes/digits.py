"""What pictures tell of a network: class averages, input gradients, first-layer weights, and what it mistakes."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import torch
from torch import Tensor

from engine.errors import ExpressionError
from engine.experiments.data import BatchLoader
from engine.lookup.moment import Moment
from engine.lookup.names import Ref
from engine.panes.confusion import confusion
from engine.panes.examples import as_picture, batch_view, class_name, greys, in_order, judged, known_examples
from engine.panes.predicted import PredictedHeld, predicted
from engine.panes.reliability import reliability
from engine.protocol.messages import BatchLook
from engine.protocol.views import BatchView, Gallery, Picture
from engine.tape.tape import Tape
from engine.training.classes import are_classes, target_classes
from engine.training.elsewhere import loss_with


class Named(NamedTuple):
    """A picture before it is scaled."""

    number: int
    title: str
    note: str
    values: Tensor
    right: bool | None = None


class Found(NamedTuple):
    """All pictures of a kind, of which some are shown."""

    about: str
    pictures: list[Named]
    grey: bool = False
    own_scales: bool = False


class Averages:
    """The mean pictures of the training partition, which never change, once they are made."""

    def __init__(self) -> None:
        self.pictures: list[Named] | None = None


def digits_view(
    moment: Moment, look: BatchLook, count: int, held: PredictedHeld, averages: Averages
) -> BatchView | None:
    """What the digits pane looks at; what needs no batch is there before training, too."""
    view = batch_view(moment, count if look.kind in ("examples", "scatter") else 0, look.order, look.first)
    if look.kind in ("examples", "scatter"):
        return view
    base = view or BatchView(0, None, [])
    tape = moment.tape
    try:
        if look.kind == "confusion":
            found = confusion(moment, predicted(moment, look.order, held))
            return msgspec.structs.replace(base, order=look.order, confusion=found)
        if look.kind == "reliability":
            sure = reliability(predicted(moment, look.order, held))
            return msgspec.structs.replace(base, order=look.order, reliability=sure)
        if look.kind == "averages":
            return _shown(base, _averages(moment, tape, averages), look.first, count)
        if look.kind == "first layer":
            return _shown(base, _first_layer(moment), look.first, count)
        return _shown(base, _input_gradients(moment, tape, look.order), look.first, count)
    except ExpressionError as error:
        return msgspec.structs.replace(base, problem=str(error))


def _shown(view: BatchView, found: Found, first: int, count: int) -> BatchView:
    """The view with those pictures that are asked for."""
    first = max(1, min(first, len(found.pictures)))
    chosen = found.pictures[first - 1 : first - 1 + count]
    sizes = [0.0 if found.grey else _magnitude(each.values) for each in chosen]
    most = max(sizes, default=0.0)
    pictures = [
        _picture(each, found.grey, size if found.own_scales else most) for each, size in zip(chosen, sizes, strict=True)
    ]
    gallery = Gallery(found.about, most, pictures, found.own_scales)
    return msgspec.structs.replace(view, first=first, total=len(found.pictures), gallery=gallery)


def _picture(it: Named, grey: bool, scale: float) -> Picture:
    height, width = it.values.shape
    levels = _bytes(it.values) if grey else _levels(it.values, scale)
    return Picture(it.number, it.title, it.note, height, width, levels, scale, it.right)


def _bytes(levels: Tensor) -> bytes:
    return levels.numpy(force=True).tobytes()


def _magnitude(values: Tensor) -> float:
    return float(values.nan_to_num(0.0, 0.0, 0.0).abs().amax())


def _levels(values: Tensor, scale: float) -> bytes:
    """1…255 with 128 for 0; 0 for NaN."""
    levels = (values / (scale or 1.0) * 127).clamp(-127, 127).round() + 128
    return levels.nan_to_num(0.0).to(torch.uint8).numpy(force=True).tobytes()


def _averages(moment: Moment, tape: Tape | None, averages: Averages) -> Found:
    """The mean picture of each class: of the training partition where it is at hand, else of the batch."""
    loader = moment.trainer.loader
    if isinstance(loader, BatchLoader):
        if averages.pictures is None:
            labels = loader.targets if loader.labels is None else loader.labels
            averages.pictures = _class_means(moment, loader.inputs, labels)
        return Found("average image of each class, training partition", averages.pictures, grey=True)
    if tape is None or not tape.inputs or not isinstance(tape.targets, Tensor):
        raise ExpressionError("no batch has run", "step a batch first")
    means = _class_means(moment, tape.inputs[0], tape.targets)
    return Found("average image of each class, this batch", means, grey=True)


def _class_means(moment: Moment, inputs: Tensor, targets: Tensor) -> list[Named]:
    shape = (len(targets), max(2, int(targets.max()) + 1)) if targets.dim() == 1 else targets.shape
    scores = torch.zeros(shape)
    if not are_classes(scores, targets):
        raise ExpressionError("the targets are no classes", "averages are of classes")
    if not inputs.is_floating_point():
        raise ExpressionError("the examples are no pictures", "see the inspector: inspect X")
    labels = target_classes(targets)
    found = []
    for label in labels.unique().tolist():
        rows = labels == label
        picture = as_picture(moment, inputs[rows].mean(0))
        if picture is None:
            raise ExpressionError("the examples are no pictures", "see the inspector: inspect X")
        levels = torch.frombuffer(bytearray(greys(moment, picture)), dtype=torch.uint8).reshape(picture.shape)
        found.append(Named(label + 1, class_name(moment, label), f"mean of {int(rows.sum())}", levels))
    return found


def _first_layer(moment: Moment) -> Found:
    """Each first-layer neuron's weights, or each filter, as a picture."""
    weight = moment.values.get(Ref("W[1]")).detach()
    if weight.dim() == 4:
        pictures = list(weight.flatten(1, 2))
    else:
        pictures = [picture for row in weight if (picture := as_picture(moment, row)) is not None]
    if not pictures:
        raise ExpressionError(f"W[1] is {'×'.join(map(str, weight.shape))}: its rows are no pictures", "inspect W[1]")
    found = [Named(at, f"neuron {at}", "", picture) for at, picture in enumerate(pictures, 1)]
    return Found("what each first-layer neuron looks for: its weights", found)


def _input_gradients(moment: Moment, tape: Tape | None, order: str) -> Found:
    """ℒ's gradient towards each example of the batch, with the parameters that it was computed with."""
    if tape is None or not moment.loss_is_done:
        raise ExpressionError("no gradient goes to the input yet", "step past the loss")
    gradient = input_gradient(moment, tape)
    known = known_examples(moment, tape)
    found = []
    for row in in_order(known, order):
        picture = as_picture(moment, gradient[row])
        if picture is None:
            raise ExpressionError("the examples are no pictures", "they have no picture of a gradient either")
        label, guess, right = judged(moment, tape, known, row)
        found.append(Named(row + 1, f"{label}→{guess or '·'}", "", picture, right))
    return Found("∂ℒ/∂x: where more ink would raise the loss (+) or lower it (−)", found, own_scales=True)


def input_gradient(moment: Moment, tape: Tape) -> Tensor:
    """ℒ's gradient towards the batch's first input, of its shape; computed once for each tape, aside from the run.

    Raises ExpressionError where the input is not of floating-point numbers.
    """
    if tape.input_gradient is None:
        first = tape.inputs[0] if tape.inputs else None
        if not isinstance(first, Tensor) or not first.is_floating_point():
            raise ExpressionError("the input is not of floating-point numbers", "no gradient goes to it")
        leaf = first.detach().clone().requires_grad_()
        with moment.trainer.at_work, torch.enable_grad():
            inputs = (leaf, *tape.inputs[1:])
            loss = loss_with(moment.trainer, tape.before.tensors, inputs, tape.targets, tape.before.random)
            tape.input_gradient = torch.autograd.grad(loss, leaf)[0]
    return tape.input_gradient
