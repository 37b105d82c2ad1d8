"""The batch's examples as pictures with label and prediction."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import ModelError
from engine.experiments.data import BatchLoader
from engine.experiments.models import HalfMSELoss
from engine.lookup.moment import Moment
from engine.panes.scatter import scatter
from engine.protocol.views import BatchView, Example
from engine.statistics import plain
from engine.tape.tape import Tape
from engine.training.classes import are_classes, are_classes_of_places, predicted_classes, target_classes
from engine.users_code import users_code

_OF_EACH = (nn.BCELoss, nn.MSELoss, HalfMSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)
ORDERS = ("batch", "wrong", "least sure", "highest loss", "class")
_FEW = 3  # numbers of a target or an output that are shown
_MOST_ROWS = 2000  # whose numbers are sent
_MOST_TOKENS = 24  # of a sequence that are written out


@dataclass(frozen=True)
class Known:
    """What is known of a batch's examples at the cursor: class indices (N,), probabilities (N,), their own losses.

    Where there is a class at each place of an example, as at each token, class indices are (N, T).
    """

    size: int
    labels: Tensor | None
    guesses: Tensor | None
    likely: Tensor | None
    losses: list[float] | None  # NaN for one that the loss leaves out
    predicted: bool = False  # whether the cursor is past the model's output

    @property
    def hits(self) -> Tensor | None:
        """Whether each example's prediction is right (N,): all of it, where there are several."""
        if self.guesses is None or self.labels is None:
            return None
        hits = self.guesses.eq(self.labels)
        return hits if hits.dim() == 1 else (hits | (self.labels < 0)).all(1)

    @property
    def right(self) -> int | None:
        """How many predictions are right."""
        return None if self.hits is None else int(self.hits.sum())


def known_examples(moment: Moment, tape: Tape) -> Known:
    """Predictions once the cursor is past the model's output, losses once it is past the loss."""
    predicted = moment.done >= tape.once("output event", lambda: _output_event(tape))
    key = f"known examples {predicted} {moment.loss_is_done}"
    return tape.once(key, lambda: _known(moment, tape, predicted))


def _known(moment: Moment, tape: Tape, predicted: bool) -> Known:
    known, passed = are_classes(tape.output, tape.targets), predicted
    if are_classes_of_places(tape.output, tape.targets):
        guesses = tape.output.argmax(1) if predicted and tape.output is not None else None
        return Known(
            tape.size, tape.targets, guesses, None, _losses(moment, tape) if moment.loss_is_done else None, passed
        )
    predicted = predicted and known
    return Known(
        tape.size,
        target_classes(tape.targets) if known and tape.targets is not None else None,
        predicted_classes(tape.output, tape.boundary) if predicted and tape.output is not None else None,
        probabilities(moment, tape.output, tape.boundary) if predicted and tape.output is not None else None,
        _losses(moment, tape) if moment.loss_is_done else None,
        passed,
    )


def in_order(known: Known, order: str) -> list[int]:
    """Rows of the batch, from 0, sorted or filtered; by row as long as what they are sorted by is not known."""
    rows = list(range(known.size))
    labels, hits, likely, losses = known.labels, known.hits, known.likely, known.losses
    if order == "wrong" and hits is not None:
        return (~hits).nonzero()[:, 0].tolist()
    if order == "least sure" and likely is not None:
        return sorted(rows, key=likely.tolist().__getitem__)
    if order == "highest loss" and losses is not None:
        return sorted(rows, key=lambda row: -losses[row] if losses[row] == losses[row] else -math.inf)
    if order == "class" and labels is not None:
        return sorted(rows, key=labels.tolist().__getitem__)
    return rows


def batch_view(moment: Moment, count: int, order: str = "batch", first: int = 1) -> BatchView | None:
    """`count` examples of the cursor's batch in an order, from one place of it on, counted from 1."""
    tape = moment.tape
    if tape is None:
        return None
    known = known_examples(moment, tape)
    key = f"examples {count} {order} {first} {known.predicted} {known.losses is None}"
    return tape.once(key, lambda: _batch(moment, tape, known, count, order, first))


def _batch(moment: Moment, tape: Tape, known: Known, count: int, order: str, first: int) -> BatchView:
    rows = in_order(known, order)
    first = max(1, min(first, len(rows)))
    shown = [_example(moment, tape, row, known) for row in rows[first - 1 : first - 1 + count]]
    numbers = [row + 1 for row in rows[:_MOST_ROWS]]
    told = any(each.height or each.tokens or each.label or each.prediction or each.loss is not None for each in shown)
    problem = (
        "" if told or not shown else "no target, prediction or loss of a single example: inspect X shows the inputs"
    )
    against = scatter(tape, known.predicted)
    return BatchView(known.size, known.right, shown, order, first, len(rows), numbers, problem, scatter=against)


def called(moment: Moment) -> str:
    """What the examples are: "digits", "pictures", "points", "tokens", "rows", "examples"; "" where nothing tells."""
    about = moment.description
    if about.mean is not None and all(map(str.isdigit, about.classes)):
        return "digits"
    if about.tokens:
        return "tokens"
    if plane_points(moment.trainer.loader) is not None:
        return "points"
    tape = moment.timeline.held_tape(moment.iteration)
    return "" if tape is None else tape.once("what examples are called", lambda: _called(moment, tape))


def _called(moment: Moment, tape: Tape) -> str:
    if tape.size and picture_of(moment, tape, 0)[0]:
        return "pictures"
    embedded = [value for event in tape.events for value in event.inputs if event.op.name == "embedding"]
    if any(value.root().symbol == "X" for value in embedded):
        return "tokens"
    inputs = tape.inputs[0] if tape.inputs else None
    if not isinstance(inputs, Tensor) or inputs.dim() != 2:
        return "examples"
    return "points" if inputs.shape[1] == 2 and are_classes(tape.output, tape.targets) else "rows"


def plane_points(loader: Iterable[Any]) -> tuple[Tensor, Tensor] | None:
    """All examples, (N, 2), and targets that a loader has at hand, where each is two numbers with a class."""
    if isinstance(loader, BatchLoader):
        held: tuple[Any, ...] = (loader.inputs, loader.targets)
    else:
        held = getattr(getattr(loader, "dataset", None), "tensors", ())
    if len(held) != 2 or not all(isinstance(each, Tensor) for each in held):
        return None
    inputs, targets = held
    of_two = inputs.dim() == 2 and inputs.shape[1] == 2 and inputs.is_floating_point()
    labelled = len(targets) == len(inputs) and (not targets.is_floating_point() or are_classes(targets, targets))
    return (inputs, targets) if of_two and labelled else None


def _losses(moment: Moment, tape: Tape) -> list[float] | None:
    """The loss of each example alone, computed once for each tape; None where ℒ is not made of them."""
    if tape.example_losses is None:
        output, targets = tape.output, tape.targets
        if output is None or not isinstance(targets, Tensor) or not output.dim() or not targets.dim():
            return None
        if len(output) != len(targets):
            return None
        loss = moment.trainer.loss
        try:
            with moment.trainer.untouched(), torch.no_grad(), users_code("the loss of one example"):
                tape.example_losses = [
                    float(loss(output[row : row + 1], targets[row : row + 1])) for row in range(len(targets))
                ]
        except ModelError:
            tape.example_losses = []
        if not _make_up(tape, loss, targets):
            tape.example_losses = []
    return tape.example_losses or None


def _make_up(tape: Tape, loss: object, targets: Tensor) -> bool:
    """Whether ℒ is the sum or the mean of its examples' own losses, weighted as the loss weighs classes."""
    each = torch.tensor(tape.example_losses, dtype=torch.float64)
    weights, counted = torch.ones_like(each), ~each.isnan()
    by_class = getattr(loss, "weight", None)
    if isinstance(by_class, Tensor) and by_class.dim() == 1 and targets.dim() == 1 and not targets.is_floating_point():
        weights = by_class.double().cpu()[targets.cpu().clamp(0, len(by_class) - 1)]
    if not counted.all() and math.isnan(tape.loss):
        return True
    each, weights = each[counted], weights[counted]
    sums = (each.sum(), each.mean(), (each * weights).sum() / weights.sum())
    return any(math.isclose(float(whole), tape.loss, rel_tol=1e-3, abs_tol=1e-6) for whole in sums)


def _output_event(tape: Tape) -> int:
    """The last event of the forward pass."""
    return max((event.number for event in tape.events if event.phase == "forward"), default=0)


def probabilities(moment: Moment, output: Tensor, boundary: float) -> Tensor | None:
    """The probability given to the predicted class, (N,), where the model's outputs are or become probabilities."""
    shares = class_shares(moment, output, boundary)
    return None if shares is None else shares.amax(1)


def class_shares(moment: Moment, output: Tensor, boundary: float) -> Tensor | None:
    """The probability given to each class, (N, C), where the model's outputs are or become probabilities.

    A loss of differences, or one that judges each output for itself, sees them as they are: they must lie in 0…1.
    """
    if output.dim() == 2 and output.shape[1] > 1:
        if moment.naming.output_activation != "softmax" and _are_shares(output):
            return output
        if isinstance(moment.trainer.loss, _OF_EACH):
            return output if bool(((output >= 0) & (output <= 1)).all()) else None
        logarithms = isinstance(moment.trainer.loss, nn.NLLLoss) or moment.trainer.loss is functional.nll_loss
        return None if logarithms and not _are_shares(output.exp()) else torch.softmax(output, 1)
    flat = output.reshape(len(output), -1)[:, 0]
    if boundary == 0:
        flat = torch.sigmoid(flat)
    return torch.stack((1 - flat, flat), 1) if bool(((flat >= 0) & (flat <= 1)).all()) else None


def _are_shares(rows: Tensor) -> bool:
    """Whether each row is of probabilities."""
    inside = bool((rows >= 0).all() and (rows <= 1).all())
    return inside and bool(torch.isclose(rows.sum(1), torch.ones_like(rows[:, 0]), atol=1e-2).all())


def judged(moment: Moment, tape: Tape, known: Known, row: int) -> tuple[str, str, bool | None]:
    """An example's label and prediction, "" for none, and whether it is right; None while there is no prediction."""
    if known.labels is not None and known.labels.dim() > 1:
        return _judged_places(moment, known, row)
    if rebuilds(moment, tape):
        label = _known_class(moment, tape, row)
        return "" if label is None else class_name(moment, label), "", None
    label = None if known.labels is None else int(known.labels[row])
    guess = None if known.guesses is None else int(known.guesses[row])
    if label is None or guess is None:  # a regression has numbers
        predicted = _numbers(tape.output, row, tape.size) if known.predicted and label is None else ""
        return _numbers(tape.targets, row, tape.size) if label is None else class_name(moment, label), predicted, None
    return class_name(moment, label), class_name(moment, guess), None if label < 0 else guess == label


def _judged_places(moment: Moment, known: Known, row: int) -> tuple[str, str, bool | None]:
    """The same where there is a class at each place."""
    names = [class_name(moment, at) for at in range(len(moment.description.classes))]
    apart = "" if all(len(name) == 1 for name in names) and names else " "
    said = ["", ""]
    for at, classes in enumerate((known.labels, known.guesses)):
        if classes is not None:
            said[at] = _cut(apart, [class_name(moment, each) for each in classes[row].tolist()])
    return said[0], said[1], None if known.hits is None else bool(known.hits[row])


def _cut(apart: str, words: list[str]) -> str:
    return apart.join(words[:_MOST_TOKENS]) + (f"{apart}…" if len(words) > _MOST_TOKENS else "")


def rebuilds(moment: Moment, tape: Tape) -> bool:
    """Whether the target of each example is the picture itself, which the model is to give again."""
    return tape.once("whether inputs are targets", lambda: _rebuilds(moment, tape))


def _rebuilds(moment: Moment, tape: Tape) -> bool:
    targets, inputs = tape.targets, tape.inputs[0] if tape.inputs else None
    if not isinstance(targets, Tensor) or not isinstance(inputs, Tensor) or targets.shape != inputs.shape:
        return False
    pictures = tape.size > 0 and picture_of(moment, tape, 0)[0] > 0
    return (
        pictures and tape.output is not None and tape.output.shape == inputs.shape and bool((targets == inputs).all())
    )


def _known_class(moment: Moment, tape: Tape, row: int) -> int | None:
    """The class of an example that is no target, where the loader knows it."""
    loader = moment.trainer.loader
    labels = loader.labels if isinstance(loader, BatchLoader) else None
    if labels is None or row >= len(tape.indices):
        return None
    return int(labels[int(torch.searchsorted(loader.indices, tape.indices[row]))])  # type: ignore[attr-defined]


def _rebuilt(moment: Moment, tape: Tape, known: Known, row: int) -> bytes | None:
    if not rebuilds(moment, tape):
        return None
    picture = as_picture(moment, tape.output[row]) if known.predicted and tape.output is not None else None
    return b"" if picture is None else greys(moment, picture)


def token_names(moment: Moment, tape: Tape, row: int) -> list[str]:
    """The tokens of an example that is a sequence of them, as they are called; none of another."""
    inputs, names = tape.inputs[0] if tape.inputs else None, moment.description.tokens
    if not isinstance(inputs, Tensor) or inputs.dim() != 2 or inputs.is_floating_point() or called(moment) != "tokens":
        return []
    return [names[at] if 0 <= at < len(names) else str(at) for at in inputs[row].tolist()]


def _example(moment: Moment, tape: Tape, row: int, known: Known) -> Example:
    height, width, pixels = picture_of(moment, tape, row)
    label, prediction, right = judged(moment, tape, known, row)
    return Example(
        row + 1,
        tape.indices[row] if row < len(tape.indices) else 0,
        label,
        prediction,
        None if known.likely is None else float(known.likely[row]),
        right,
        height,
        width,
        pixels,
        _own_loss(tape, known, row),
        _cut(" ", token_names(moment, tape, row)),
        _rebuilt(moment, tape, known, row),
    )


def _own_loss(tape: Tape, known: Known, row: int) -> float | None:
    """An example's own loss; None for one that ℒ leaves out."""
    own = None if known.losses is None else known.losses[row]
    return None if own is not None and math.isnan(own) and not math.isnan(tape.loss) else own


def _numbers(of_all: object, row: int, size: int) -> str:
    """The first few numbers that an example has of a tensor with a row for each."""
    if not isinstance(of_all, Tensor) or not of_all.dim() or len(of_all) != size:
        return ""
    numbers = plain(of_all[row].detach()).reshape(-1)
    shown = [f"{number:.4g}".replace("-", "−") for number in numbers[:_FEW].tolist()]
    return ", ".join([*shown, *(["…"] if numbers.numel() > _FEW else [])])


def class_name(moment: Moment, index: int) -> str:
    classes = moment.description.classes
    return classes[index] if 0 <= index < len(classes) else str(index)


def picture_of(moment: Moment, tape: Tape, row: int) -> tuple[int, int, bytes]:
    """Height, width and grey levels of an example that is a picture; (0, 0, b"") for others."""
    inputs = tape.inputs[0] if tape.inputs else None
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point() or inputs.dim() not in (2, 3, 4):
        return 0, 0, b""
    grey = as_picture(moment, inputs[row])
    if grey is None:
        return 0, 0, b""
    return grey.shape[0], grey.shape[1], greys(moment, grey)


def as_picture(moment: Moment, one: Tensor) -> Tensor | None:
    """An example, or what has its shape, as (height, width); None where it is no picture."""
    if one.dim() == 3 and one.shape[0] in (1, 3):
        return one.mean(0)
    if moment.description.mean is not None and one.numel() == 784:  # a digit as pixels, or as rows in time
        return one.reshape(28, 28)
    return None


def greys(moment: Moment, picture: Tensor) -> bytes:
    """Grey levels 0…255 of a picture of normalised pixels."""
    description = moment.description
    if description.mean is not None:
        levels = (picture * description.std + description.mean) * 255
    else:
        span = float(picture.max() - picture.min()) or 1.0
        levels = (picture - picture.min()) / span * 255
    return levels.nan_to_num(0.0).clamp(0, 255).round().to(torch.uint8).numpy(force=True).tobytes()
