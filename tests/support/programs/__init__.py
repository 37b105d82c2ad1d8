"""Small training programs, each as a step of one's own and as the plain loop to be equal with; nothing of the engine.

Each file can be opened as a user's own: `FILE.py:FUNCTION`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.programs import accumulating, adversarial, batches, playing, precise, scheduled, sequential, weighted

Parts = dict[str, Any]


@dataclass(frozen=True)
class OwnProgram:
    """`make` gives modules, optimizers, loader, step and more by name; it seeds torch, and may be called many times.

    `plain` trains a fresh one for so many batches in a loop of its own; it gives modules and optimizers by name, and
    `state` where the program has some.
    """

    make: Callable[[], Parts]
    plain: Callable[[int], Parts]

    @property
    def file(self) -> Path:
        """The file that `make` stands in."""
        return Path(inspect.getfile(self.make))


PROGRAMS = {
    program.make.__name__: program
    for program in (
        OwnProgram(adversarial.gan, adversarial.plain_gan),
        OwnProgram(accumulating.over_batches, accumulating.plain_over_batches),
        OwnProgram(accumulating.micro_batches, accumulating.plain_micro_batches),
        OwnProgram(precise.lbfgs, precise.plain_lbfgs),
        OwnProgram(precise.scaled, precise.plain_scaled),
        OwnProgram(scheduled.one_cycle, scheduled.plain_one_cycle),
        OwnProgram(scheduled.plateau, scheduled.plain_plateau),
        OwnProgram(sequential.carried_over, sequential.plain_carried_over),
        OwnProgram(sequential.language_model, sequential.plain_language_model),
        OwnProgram(playing.actor_critic, playing.plain_actor_critic),
        OwnProgram(batches.graphs, batches.plain_graphs),
        OwnProgram(batches.pictures, batches.plain_pictures),
        OwnProgram(weighted.weighted_sampler, weighted.plain_weighted_sampler),
        OwnProgram(weighted.average, weighted.plain_average),
    )
}
