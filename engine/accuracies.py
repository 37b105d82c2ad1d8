"""The accuracy of each batch of a run, worked out when it is asked for.

Counting right answers batch by batch would take a small network 5 % of its time. What was predicted waits, and the
batches that wait are counted together.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from engine.classes import accuracy

_MOST_WAITING = 32  # batches
_LARGEST_WAITING = 2**14  # numbers of an output; larger ones are not kept


class Accuracies:
    """One number a batch, in order; NaN where right and wrong are not defined."""

    def __init__(self, known: Iterable[float] = ()) -> None:
        self._known = array("d", known)
        self._waiting: list[tuple[Tensor, Tensor]] = []

    def add(self, output: Any, targets: Any) -> None:
        """Note what a batch predicted. The targets may be overwritten afterwards, by a loader that has one buffer."""
        if not _can_wait(output, targets):
            self._work_out()
            self._known.append(_accuracy(output, targets))
            return
        self._waiting.append((output.detach(), targets.clone()))
        if len(self._waiting) == _MOST_WAITING:
            self._work_out()

    def correct(self, iteration: int, output: Any, targets: Any) -> None:
        """A batch came to something else when it was run again."""
        self.series()[iteration - 1] = _accuracy(output, targets)

    def forget_from(self, border: int) -> None:
        """Drop what lies after a border."""
        del self.series()[border:]

    def series(self) -> array[float]:
        """All of them."""
        self._work_out()
        return self._known

    def _work_out(self) -> None:
        if len({output.shape for output, _ in self._waiting}) == 1:
            outputs, targets = (torch.cat(each) for each in zip(*self._waiting, strict=True))
            right = (outputs.argmax(1) == targets).view(len(self._waiting), -1)
            self._known.extend(count / right.shape[1] for count in right.count_nonzero(1).tolist())
        else:
            self._known.extend(_accuracy(*each) for each in self._waiting)
        self._waiting.clear()


def _can_wait(output: Any, targets: Any) -> bool:
    """Whether scores (N, C) that are not worth much memory meet class indices (N,)."""
    if not isinstance(output, Tensor) or not isinstance(targets, Tensor) or targets.is_floating_point():
        return False
    shape, rows = output.shape, targets.shape
    return (
        len(shape) == 2 and len(rows) == 1 and shape[0] == rows[0] > 0 and 1 < shape[1] <= _LARGEST_WAITING // rows[0]
    )


def _accuracy(output: Any, targets: Any) -> float:
    share = accuracy(output, targets)
    return math.nan if share is None else share
