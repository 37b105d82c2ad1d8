"""Outputs and targets read as classes, where they can be: who was right, and how often."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def first_tensor(output: Any) -> Tensor | None:
    """The model's output, or the first tensor in it."""
    if isinstance(output, Tensor):
        return output.detach()
    items = output.values() if isinstance(output, Mapping) else output if isinstance(output, list | tuple) else ()
    return next((found for item in items if (found := first_tensor(item)) is not None), None)


def predicted_classes(output: Tensor, boundary: float = 0.5) -> Tensor:
    """Class indices (N,) of scores (N, C), or of one number an example, (N,) or (N, 1): 1 where above the boundary."""
    if output.dim() == 2 and output.shape[1] > 1:
        return output.argmax(1)
    return (output.reshape(len(output), -1)[:, 0] > boundary).long()


def target_classes(targets: Tensor) -> Tensor:
    """Class indices (N,) of class indices, one-hot rows (N, C) or values in {0, 1} of shape (N,) or (N, 1)."""
    if targets.dim() == 2 and targets.shape[1] > 1:
        return targets.argmax(1)
    return targets.reshape(-1).long()


def accuracy(output: Any, targets: Any, boundary: float = 0.5) -> float | None:
    """Fraction of examples whose predicted class is the target's; None where these are not classes.

    Where an example has a class at each of its places, of these. A target below 0 is no class: losses leave it out,
    and so is it here.
    """
    output = output if isinstance(output, Tensor) else first_tensor(output)
    if _scores_meet_indices(output, targets):
        return _counted(output, targets)
    if are_classes_of_places(output, targets):
        hits = (output.argmax(1) == targets).count_nonzero()
        return _share(int(hits), int((targets >= 0).count_nonzero()))
    if not are_classes(output, targets):
        return None
    labels = target_classes(targets)
    hits = (predicted_classes(output, boundary) == labels).count_nonzero()
    return _share(int(hits), int((labels >= 0).count_nonzero()))


def _share(right: int, labelled: int) -> float | None:
    return right / labelled if labelled else None


def _scores_meet_indices(output: Any, targets: Any) -> bool:
    """Whether scores (N, C) meet class indices (N,)."""
    if not isinstance(output, Tensor) or not isinstance(targets, Tensor) or targets.is_floating_point():
        return False
    shape, rows = output.shape, targets.shape
    return len(shape) == 2 and len(rows) == 1 and shape[0] == rows[0] > 0 and shape[1] > 1


def _counted(scores: Tensor, indices: Tensor) -> float | None:
    """A run counts after each batch, when little of it is in the processor's caches: the fewest operations win."""
    labels = indices.tolist()
    if max(labels) >= scores.shape[1]:
        return None  # numbers of something else: an example's place, a word in it
    right = sum(map(operator.eq, scores.argmax(1).tolist(), labels))
    return _share(right, len(labels) if min(labels) >= 0 else sum(label >= 0 for label in labels))


def are_classes(output: Any, targets: Any) -> bool:
    """Whether output and targets can be read as classes, one an example."""
    if (
        not isinstance(output, Tensor)
        or not isinstance(targets, Tensor)
        or output.dim() not in (1, 2)
        or not len(targets)
    ):
        return False
    if len(output) != len(targets):
        return False
    width = output.shape[1] if output.dim() == 2 else 1
    if targets.dim() == 1 and not targets.is_floating_point():
        return width > 1 and int(targets.max()) < width
    return targets.dim() <= 2 and targets.numel() == output.numel() and _binary(targets, one_hot=width > 1)


def are_classes_of_places(output: Any, targets: Any) -> bool:
    """Whether scores (N, C, T) meet class indices (N, T): a class at each place of an example, as at each token."""
    if not isinstance(output, Tensor) or not isinstance(targets, Tensor) or targets.is_floating_point():
        return False
    meets = output.dim() == 3 and (len(output), output.shape[2]) == tuple(targets.shape)
    return meets and targets.numel() > 0 and output.shape[1] > 1 and int(targets.max()) < output.shape[1]


def _binary(targets: Tensor, *, one_hot: bool) -> bool:
    binary = bool(((targets == 0) | (targets == 1)).all())
    return binary and (not one_hot or bool((targets.sum(1) == 1).all()))
