"""The batch's examples as pictures with label and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.tape import Tape
from engine.trainer import are_classes, predicted_classes, target_classes
from engine.views import BatchView, Example

if TYPE_CHECKING:
    from engine.session import Session


def batch_view(session: Session, count: int) -> BatchView | None:
    """The first `count` examples of the cursor's batch; predictions once the cursor is past the model's output."""
    tape = session.tape()
    if tape is None:
        return None
    done = len(tape) if session.event is None else session.event
    size = tape.size
    known = are_classes(tape.output, tape.targets)
    predicted = known and done >= _output_event(tape)
    labels = target_classes(tape.targets) if known and tape.targets is not None else None
    guesses = predicted_classes(tape.output) if predicted and tape.output is not None else None
    likely = _probabilities(session, tape) if predicted else None
    right = int(guesses.eq(labels).sum()) if guesses is not None and labels is not None else None
    examples = [_example(session, tape, row, labels, guesses, likely) for row in range(min(count, size))]
    return BatchView(size, right, examples)


def _output_event(tape: Tape) -> int:
    """The last event of the forward pass."""
    return max((event.number for event in tape.events if event.phase == "forward"), default=0)


def _probabilities(session: Session, tape: Tape) -> Tensor | None:
    """The probability given to the predicted class, (N,), where the model's outputs are or become probabilities."""
    output = tape.output
    if output is None:
        return None
    if output.dim() == 2 and output.shape[1] > 1:
        inside = bool((output >= 0).all() and (output <= 1).all())
        return (output if inside and _is_derived(session) is False else torch.softmax(output, 1)).amax(1)
    flat = output.reshape(len(output), -1)[:, 0]
    return torch.maximum(flat, 1 - flat) if bool(((flat >= 0) & (flat <= 1)).all()) else None


def _is_derived(session: Session) -> bool:
    return getattr(session.trainer.model, "output_activation", "") == "softmax"


def _example(
    session: Session, tape: Tape, row: int, labels: Tensor | None, guesses: Tensor | None, likely: Tensor | None
) -> Example:
    label = None if labels is None else int(labels[row])
    guess = None if guesses is None else int(guesses[row])
    height, width, pixels = _picture(session, tape, row)
    return Example(
        row + 1,
        tape.indices[row] if row < len(tape.indices) else 0,
        _target(tape, row) if label is None else _class_name(session, label),
        "" if guess is None else _class_name(session, guess),
        None if likely is None else float(likely[row]),
        None if guess is None else guess == label,
        height,
        width,
        pixels,
    )


def _target(tape: Tape, row: int) -> str:
    target = tape.targets
    if not isinstance(target, Tensor) or target.dim() == 0 or target[row].numel() > 1:
        return ""
    return f"{float(target[row]):.4g}"


def _class_name(session: Session, index: int) -> str:
    classes = session.description.classes
    return classes[index] if index < len(classes) else str(index)


def _picture(session: Session, tape: Tape, row: int) -> tuple[int, int, bytes]:
    """Height, width and grey levels of an example that is a picture; (0, 0, b"") for others."""
    inputs = tape.inputs[0] if tape.inputs else None
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point() or inputs.dim() not in (2, 4):
        return 0, 0, b""
    one = inputs[row]
    if one.dim() == 3 and one.shape[0] in (1, 3):
        grey = one.mean(0)
    elif one.dim() == 1 and session.description.mean is not None and one.numel() == 784:
        grey = one.reshape(28, 28)
    else:
        return 0, 0, b""
    description = session.description
    if description.mean is not None:
        levels = (grey * description.std + description.mean) * 255
    else:
        span = float(grey.max() - grey.min()) or 1.0
        levels = (grey - grey.min()) / span * 255
    levels = levels.nan_to_num(0.0).clamp(0, 255).round().to(torch.uint8)
    return grey.shape[0], grey.shape[1], levels.numpy().tobytes()
