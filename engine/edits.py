"""Changes made on the way. An edit belongs to the border after a batch; it is made again whenever the run passes."""

from __future__ import annotations

from dataclasses import dataclass

from engine.trainer import Trainer


@dataclass(frozen=True)
class Edit:
    """A change of the learning rate, made when `iteration` batches were done."""

    iteration: int
    learning_rate: float

    def apply(self, trainer: Trainer) -> None:
        """Make the change; making it twice is making it once."""
        for group in trainer.optimizer.param_groups:
            group["lr"] = group["base_lr"] = self.learning_rate
