"""Accuracies that are counted together are those counted one by one."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.accuracies import Accuracies
from engine.classes import accuracy


@given(sizes=st.lists(st.integers(1, 5), max_size=80), classes=st.integers(1, 4), seed=st.integers(0, 9))
def test_accuracies_counted_together_are_those_counted_alone(sizes: list[int], classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    series, expected = Accuracies(), []
    for size in sizes:
        output = torch.randn(size, classes, generator=generator)
        targets = torch.randint(0, classes, (size,), generator=generator)
        series.add(output, targets)
        share = accuracy(output, targets)
        expected.append(math.nan if share is None else share)
    assert list(map(repr, series.series())) == list(map(repr, expected))


def test_a_loader_may_reuse_its_targets() -> None:
    output, targets, series = torch.eye(3), torch.tensor([0, 1, 2]), Accuracies()
    series.add(output, targets)
    targets.zero_()
    assert list(series.series()) == [1.0]


def test_outputs_that_are_no_classes_have_none() -> None:
    series = Accuracies()
    series.add(torch.randn(4, 3), torch.randn(4, 3))
    series.add({"logits": torch.eye(2)}, torch.tensor([0, 0]))
    first, second = series.series()
    assert math.isnan(first)
    assert second == 0.5


def test_a_batch_that_came_out_differently_is_corrected_and_a_branch_forgets() -> None:
    series = Accuracies([0.25])
    series.add(torch.eye(2), torch.tensor([0, 1]))
    series.correct(1, torch.eye(2), torch.tensor([1, 1]))
    assert list(series.series()) == [0.5, 1.0]
    series.forget_from(1)
    assert list(series.series()) == [0.5]
