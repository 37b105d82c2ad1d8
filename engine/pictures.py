"""What pictures tell of a network: class averages, input gradients, first-layer weights, and what it mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import torch
from torch import Tensor

from engine.classes import are_classes, target_classes
from engine.confusion import confusion
from engine.data import BatchLoader
from engine.elsewhere import loss_with
from engine.errors import ExpressionError
from engine.examples import as_picture, batch_view, class_name, greys, in_order, known_examples
from engine.messages import BatchLook
from engine.tape import Tape
from engine.values import Ref
from engine.views import BatchView, Gallery, Picture

if TYPE_CHECKING:
    from engine.session import Session

Named = list[tuple[int, str, str, Tensor]]  # number, title, note and values of each picture


def digits_view(session: Session, look: BatchLook, count: int) -> BatchView | None:
    """What the digits pane looks at; what needs no batch is there before training, too."""
    view = batch_view(session, count if look.kind == "examples" else 0, look.order, look.first)
    if look.kind == "examples":
        return view
    base = view or BatchView(0, None, [])
    tape = session.tape()
    try:
        if look.kind == "confusion":
            return msgspec.structs.replace(base, order=look.order, confusion=confusion(session, look.order))
        if look.kind == "averages":
            return _shown(base, _averages(session, tape), look.first, count)
        if look.kind == "first layer":
            return _shown(base, _first_layer(session), look.first, count)
        return _shown(base, _input_gradients(session, tape, look.order), look.first, count)
    except ExpressionError as error:
        return msgspec.structs.replace(base, problem=str(error))


def _shown(view: BatchView, found: tuple[str, bool, Named], first: int, count: int) -> BatchView:
    """The view with those pictures that are asked for: `about`, whether they are greys, and number, words, values."""
    about, grey, all_of_them = found
    first = max(1, min(first, len(all_of_them)))
    chosen = all_of_them[first - 1 : first - 1 + count]
    scale = 0.0 if grey else max((_magnitude(values) for *_, values in chosen), default=0.0)
    pictures = [
        Picture(number, title, note, len(values), values.shape[1], _bytes(values) if grey else _levels(values, scale))
        for number, title, note, values in chosen
    ]
    return msgspec.structs.replace(view, first=first, total=len(all_of_them), gallery=Gallery(about, scale, pictures))


def _bytes(levels: Tensor) -> bytes:
    return levels.numpy().tobytes()


def _magnitude(values: Tensor) -> float:
    return float(values.nan_to_num(0.0, 0.0, 0.0).abs().amax())


def _levels(values: Tensor, scale: float) -> bytes:
    """1…255 with 128 for 0; 0 for NaN."""
    levels = (values / (scale or 1.0) * 127).clamp(-127, 127).round() + 128
    return levels.nan_to_num(0.0).to(torch.uint8).numpy().tobytes()


def _averages(session: Session, tape: Tape | None) -> tuple[str, bool, Named]:
    """The mean picture of each class: of the training partition where it is at hand, else of the batch."""
    loader = session.trainer.loader
    if isinstance(loader, BatchLoader):
        held = session.kept.get("averages")
        if held is None:
            held = session.kept["averages"] = _class_means(session, loader.inputs, loader.targets)
        return "average image of each class, training partition", True, held
    if tape is None or not tape.inputs or not isinstance(tape.targets, Tensor):
        raise ExpressionError("no batch has run", "step a batch first")
    return "average image of each class, this batch", True, _class_means(session, tape.inputs[0], tape.targets)


def _class_means(session: Session, inputs: Tensor, targets: Tensor) -> Named:
    scores = torch.zeros(len(targets), 2) if targets.dim() == 1 else torch.zeros(targets.shape)
    if not are_classes(scores, targets):
        raise ExpressionError("the targets are no classes", "averages are of classes")
    labels = target_classes(targets)
    found = []
    for label in labels.unique().tolist():
        rows = labels == label
        picture = as_picture(session, inputs[rows].mean(0))
        if picture is None:
            raise ExpressionError("the examples are no pictures", "see the inspector: inspect X")
        levels = torch.frombuffer(bytearray(greys(session, picture)), dtype=torch.uint8).reshape(picture.shape)
        found.append((label + 1, class_name(session, label), f"of {int(rows.sum())}", levels))
    return found


def _first_layer(session: Session) -> tuple[str, bool, Named]:
    """Each first-layer neuron's weights, or each filter, as a picture."""
    weight = session.values().get(Ref("W[1]")).detach()
    if weight.dim() == 4:
        pictures = list(weight.flatten(1, 2))
    else:
        pictures = [picture for row in weight if (picture := as_picture(session, row)) is not None]
    if not pictures:
        raise ExpressionError(f"W[1] is {'×'.join(map(str, weight.shape))}: its rows are no pictures", "inspect W[1]")
    found = [(at, f"neuron {at}", "", picture) for at, picture in enumerate(pictures, 1)]
    return "what each first-layer neuron looks for: its weights", False, found


def _input_gradients(session: Session, tape: Tape | None, order: str) -> tuple[str, bool, Named]:
    """ℒ's gradient towards each example of the batch, with the parameters that it was computed with."""
    if tape is None or not session.loss_is_done():
        raise ExpressionError("no gradient goes to the input yet", "step past the loss")
    gradient = input_gradient(session, tape)
    known = known_examples(session, tape)
    found = []
    for row in in_order(known, order):
        picture = as_picture(session, gradient[row])
        if picture is None:
            raise ExpressionError("the examples are no pictures", "they have no picture of a gradient either")
        label = "" if known.labels is None else class_name(session, int(known.labels[row]))
        guess = "" if known.guesses is None else class_name(session, int(known.guesses[row]))
        found.append((row + 1, f"{label}→{guess}", "", picture))
    return "∂ℒ/∂x: where more ink would raise the loss (+) or lower it (−)", False, found


def input_gradient(session: Session, tape: Tape) -> Tensor:
    """ℒ's gradient towards the batch's first input, of its shape; computed once for each tape, aside from the run.

    Raises ExpressionError where the input is not of floating-point numbers.
    """
    if tape.input_gradient is None:
        first = tape.inputs[0] if tape.inputs else None
        if not isinstance(first, Tensor) or not first.is_floating_point():
            raise ExpressionError("the input is not of floating-point numbers", "no gradient goes to it")
        leaf = first.detach().clone().requires_grad_()
        with session.trainer.at_work, torch.enable_grad():
            inputs = (leaf, *tape.inputs[1:])
            loss = loss_with(session.trainer, tape.before.tensors, inputs, tape.targets, tape.before.random)
            tape.input_gradient = torch.autograd.grad(loss, leaf)[0]
    return tape.input_gradient
