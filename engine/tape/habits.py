"""What is learned of a program from batch to batch: gradients are copied only where somebody overwrites them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from engine.tape.tracked import Tracked


class Habits:
    """Of one program. `careful` is whether its backward passes are watched node by node.

    The first tape is made carefully. A gradient that a tape shares with a parameter's `.grad` must not be written into
    later: optimizers that do so are known by their first step; that the batch after drops `.grad`, by having seen it.
    """

    def __init__(self) -> None:
        self.reentrant = False
        self._sparse = False
        self._tapes = 0
        self._dropped = False  # whether gradients were seen to be dropped between two batches
        self._overwritten = False
        self._writers: dict[Any, bool] = {}  # whether an optimizer writes into gradients
        self._left: list[tuple[Tensor, Tensor, int]] = []  # parameter, its gradient after a batch, and its version
        self._before: list[tuple[str, Tensor, int]] = []

    @property
    def careful(self) -> bool:
        """Whether every node must be watched."""
        return self._tapes == 0 or self.reentrant or self._sparse

    def begin(self) -> None:
        """Before a batch: what became of the gradients of the one before."""
        self._look()

    def _look(self) -> None:
        for parameter, gradient, version in self._left:
            if gradient._version != version:
                self._overwritten = True
            elif parameter.grad is not gradient:
                self._dropped = True

    def before_step(self, optimizer: Optimizer, tracked: Tracked) -> None:
        """Copy gradients that this optimizer writes into, or may."""
        key = _key(optimizer)
        if self._writers.get(key, True):
            found = [(name, leaf) for name, leaf in tracked.leaves() if leaf.grad is not None]
            for name, _ in found:
                tracked.keep_gradient(name)
            self._before = [(name, leaf.grad, leaf.grad._version) for name, leaf in found if leaf.grad is not None]

    def after_step(self, optimizer: Optimizer) -> None:
        """Learn whether it did."""
        key = _key(optimizer)
        if key not in self._writers and self._before:
            self._writers[key] = any(gradient._version != version for _, gradient, version in self._before)
        self._before = []

    def end(self, tracked: Tracked) -> None:
        """After a batch: gradients stay shared only where they are known to be dropped before the next."""
        self._tapes += 1
        self._look()
        leaves = [(name, leaf) for name, leaf in tracked.leaves() if leaf.grad is not None]
        self._sparse |= any(leaf.grad is not None and leaf.grad.layout is not torch.strided for _, leaf in leaves)
        if self._overwritten or not self._dropped:
            for name, _ in leaves:
                tracked.keep_gradient(name)
        if not (self._dropped or self._overwritten):
            self._left = [(leaf, leaf.grad, leaf.grad._version) for _, leaf in leaves if leaf.grad is not None]
        else:
            self._left = []


def _key(optimizer: Optimizer) -> Any:
    flags = {key: value for key, value in optimizer.param_groups[0].items() if isinstance(value, bool | None)}
    return type(optimizer), tuple(sorted(flags.items()))
