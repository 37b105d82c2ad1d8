"""What a run is called on screen, and how its examples are shown."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from engine.program.program import Program, Supervised


@dataclass(frozen=True)
class Description:
    """Names for the header, of classes and tokens, and pixels' mean and deviation that pictures are normalised by."""

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
    digits: str = "subset"  # those that lessons compute on beside it: its own, where it has any
    tokens: tuple[str, ...] = ()  # what each token is called, by its number

    @classmethod
    def of(cls, program: Program) -> Description:
        """What can be told from the objects alone."""
        kinds = list(dict.fromkeys(type(optimizer).__name__.lower() for optimizer in program.optimizers.values()))
        modules = [f"{name}: {_word(m)}" if name else _word(m) for name, m in program.modules.items()]
        return cls(
            name=program.name or modules[0],
            model=", ".join(modules),
            data="its loader",
            loss=_loss(program),
            optimizer=", ".join(kinds),
            batch_size=getattr(program.loader, "batch_size", None) or 0,
            threads=torch.get_num_threads(),
        )


def _word(module: nn.Module) -> str:
    return type(module).__name__


def _loss(program: Program) -> str:
    if not isinstance(program, Supervised):
        return "its own step"
    return getattr(program.loss, "__name__", type(program.loss).__name__)
