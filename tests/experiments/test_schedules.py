from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler

from engine.experiments.schedules import SCHEDULES, schedule

Make = Callable[[torch.optim.Optimizer], LRScheduler]


def factors_by_torch(make: Make, total: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = make(optimizer)
    factors = []
    for _ in range(total):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return factors


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("cosine", lambda optimizer: CosineAnnealingLR(optimizer, T_max=60)),
        ("warm-up", lambda optimizer: LinearLR(optimizer, start_factor=1 / 6, total_iters=5)),
    ],
)
def test_a_schedule_is_torchs_of_the_same_formula(name: str, make: Make) -> None:
    factor = schedule(name, 60, 10)
    assert [factor(i) for i in range(1, 61)] == pytest.approx(factors_by_torch(make, 60))


def test_step_falls_to_a_tenth_at_epoch_borders() -> None:
    factor = schedule("step", 4 * 5, 5)
    by_iteration = [factor(i) for i in range(1, 21)]
    assert by_iteration == pytest.approx([1.0] * 10 + [0.1] * 5 + [0.01] * 5)


def test_constant_is_one() -> None:
    assert {schedule("constant", 10, 5)(i) for i in range(1, 11)} == {1.0}


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(1, 40), st.integers(1, 40))
def test_every_factor_is_between_zero_and_one_even_past_the_end(name: str, epochs: int, batches: int) -> None:
    factor = schedule(name, epochs * batches, batches)
    values = [factor(i) for i in range(1, epochs * batches + 20)]
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in values)
    assert all(value > 0 for value in values[: epochs * batches])
