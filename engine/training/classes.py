"""Outputs and targets read as classes, where they can be: who was right, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

_NUMPY_HAS = (torch.float32, torch.float64, torch.float16)


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

    A target below 0 is no class: losses leave such an example out, and so is it here.
    """
    output = output if isinstance(output, Tensor) else first_tensor(output)
    if _numpy_counts(output, targets):
        indices = targets.numpy(force=True)
        if indices.max() >= output.shape[1]:
            return None  # numbers of something else: an example's place, a word in it
        right = np.count_nonzero(output.numpy(force=True).argmax(1) == indices)
        return _share(int(right), int(np.count_nonzero(indices >= 0)))
    if not are_classes(output, targets):
        return None
    labels = target_classes(targets)
    hits = (predicted_classes(output, boundary) == labels).count_nonzero()
    return _share(int(hits), int((labels >= 0).count_nonzero()))


def _share(right: int, labelled: int) -> float | None:
    return right / labelled if labelled else None


def _numpy_counts(output: Any, targets: Any) -> bool:
    """Whether scores (N, C) meet class indices (N,).

    A run counts them after each batch; of so few rows NumPy does so in half of torch's time.
    """
    if not isinstance(output, Tensor) or not isinstance(targets, Tensor) or targets.is_floating_point():
        return False
    shape, rows = output.shape, targets.shape
    alike = len(shape) == 2 and len(rows) == 1 and shape[0] == rows[0] > 0 and shape[1] > 1
    return alike and output.dtype in _NUMPY_HAS


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


def _binary(targets: Tensor, *, one_hot: bool) -> bool:
    binary = bool(((targets == 0) | (targets == 1)).all())
    return binary and (not one_hot or bool((targets.sum(1) == 1).all()))
