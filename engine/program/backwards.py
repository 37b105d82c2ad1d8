"""Which losses a step goes backward from, seen without recording it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Backwards:
    """While this is open, `losses` collects what each `backward` began from, in order; detached, each one number.

    A with statement inside another, as a closure that trains has it, sees what is its own.
    """

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self._plain: Callable[..., None] = torch.autograd.backward

    def __enter__(self) -> Backwards:
        plain = self._plain = torch.autograd.backward

        def backward(tensors: Any, *args: Any, **options: Any) -> None:
            self.note(tensors)
            plain(tensors, *args, **options)

        torch.autograd.backward = backward
        return self

    def __exit__(self, *error: object) -> None:
        torch.autograd.backward = self._plain

    def note(self, tensors: Any) -> None:
        """Take note of what a pass begins from, if that is one number."""
        first = tensors if isinstance(tensors, Tensor) else next(iter(tensors), None)
        if isinstance(first, Tensor) and first.numel() == 1:
            self.losses.append(first)
