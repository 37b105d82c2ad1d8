"""What a run is called on screen, and how its examples are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Description:
    """Names for the header, names of the classes, and the pixel mean and deviation that pictures were normalised by."""

    name: str
    model: str
    data: str
    loss: str
    optimizer: str
    batch_size: int = 0
    seed: int = 0
    threads: int = 1
    classes: tuple[str, ...] = ()
    mean: float | None = None
    std: float = 1.0

    @classmethod
    def of(cls, model: nn.Module, loss: Any, optimizer: torch.optim.Optimizer) -> Description:
        """What can be told from the objects alone."""
        return cls(
            name=type(model).__name__,
            model=type(model).__name__,
            data="its loader",
            loss=getattr(loss, "__name__", type(loss).__name__),
            optimizer=type(optimizer).__name__.lower(),
            threads=torch.get_num_threads(),
        )
