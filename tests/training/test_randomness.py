"""The generators that a batch may draw from, captured and put back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from engine.training.randomness import RandomState


def test_numpy_s_normal_number_that_is_kept_for_later_is_part_of_its_state() -> None:
    np.random.seed(0)
    states = [RandomState.capture()]
    for _ in range(3):
        np.random.randn()  # the second comes without drawing
        states.append(RandomState.capture())
    assert all(one.differing(other) == ["NumPy's random generator"] for one, other in pairwise(states))
    drawn = np.random.randn()
    assert RandomState.capture().differing(states[-1])
    states[-1].restore()
    assert np.random.randn() == drawn
