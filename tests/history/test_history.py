"""Checkpoints and recent states share one budget of bytes."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import pytest

from engine.history.history import History
from engine.training.state import State

BUDGET = 1000


def _state(iteration: int, size: int) -> State:
    return cast(State, SimpleNamespace(iteration=iteration, bytes=size))


@pytest.mark.parametrize("size", [1, 7, 40, 90, 150, 240])
def test_no_history_outgrows_its_budget(size: int) -> None:
    history = History(BUDGET)
    history.add_checkpoint(_state(0, size))
    for iteration in range(1, 5000):
        if history.wants(iteration):
            history.add_checkpoint(_state(iteration, size))
        history.add_recent(_state(iteration, size))
        assert history.bytes <= BUDGET
    assert history.at(0) is not None
    assert {4998, 4999} <= history.iterations()
    spaces = sorted(history.iterations())
    assert max(b - a for a, b in pairwise(spaces)) <= history.interval
