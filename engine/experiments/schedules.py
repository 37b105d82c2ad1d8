"""Learning-rate schedules: the factor on the base learning rate, by iteration.

Importing this loads no torch. A new schedule is a function of a Plan and an iteration, and a row of SCHEDULES.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple


class Plan(NamedTuple):
    """How long a run is to be."""

    total_iterations: int
    batches_per_epoch: int


def schedule(name: str, total_iterations: int, batches_per_epoch: int) -> Callable[[int], float]:
    """The factor for the batch about to be run, whose number i counts from 1 over all epochs.

    Past the end of the run the factor is that of one iteration after its last.
    """
    return partial(SCHEDULES[name], Plan(total_iterations, batches_per_epoch))


def _constant(plan: Plan, iteration: int) -> float:
    """1."""
    return 1.0


def _step(plan: Plan, iteration: int) -> float:
    """0.1^⌊3·e/E⌋ in epoch e (from 0) of E: a tenth at the first epoch after each third of the run."""
    epochs = math.ceil(plan.total_iterations / plan.batches_per_epoch)
    epoch = (iteration - 1) // plan.batches_per_epoch
    return float(0.1 ** min(3 * epoch // epochs, 3))


def _cosine(plan: Plan, iteration: int) -> float:
    """½·(1 + cos(π·(i − 1)/T)), T iterations in all (Loshchilov & Hutter 2017, equation 5, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * min((iteration - 1) / plan.total_iterations, 1)))


def _warm_up(plan: Plan, iteration: int) -> float:
    """min(1, i/k): rises over the first tenth of the run, k = ⌈T/10⌉ iterations (Goyal et al. 2017, §2.2)."""
    return min(1.0, iteration / math.ceil(plan.total_iterations / 10))


SCHEDULES: dict[str, Callable[[Plan, int], float]] = {
    "constant": _constant,
    "step": _step,
    "cosine": _cosine,
    "warm-up": _warm_up,
}
