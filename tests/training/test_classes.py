"""Right and wrong, counted from outputs and targets of every form that holds classes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.training.classes import accuracy


@given(rows=st.integers(1, 9), classes=st.integers(2, 4), seed=st.integers(0, 99))
def test_it_is_the_share_whose_largest_score_is_the_targets(rows: int, classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    output = torch.randint(0, 3, (rows, classes), generator=generator).float()  # ties: the first one counts
    targets = torch.randint(0, classes, (rows,), generator=generator)
    right = sum(row.index(max(row)) == target for row, target in zip(output.tolist(), targets.tolist(), strict=True))
    assert accuracy(output, targets) == right / rows


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_kind_of_number_is_counted_and_a_gradient_is_no_hindrance(dtype: torch.dtype) -> None:
    assert accuracy(torch.eye(4, dtype=dtype, requires_grad=True), torch.tensor([0, 1, 2, 0])) == 0.75


@pytest.mark.parametrize("targets", [torch.eye(3), torch.eye(3).long()])
def test_one_hot_rows_are_classes(targets: Tensor) -> None:
    assert accuracy(torch.eye(3), targets) == 1.0


def test_the_first_tensor_of_a_models_output_counts() -> None:
    assert accuracy({"logits": torch.eye(2)}, torch.tensor([0, 0])) == 0.5


@pytest.mark.parametrize(
    ("output", "targets"),
    [(torch.randn(4, 3), torch.randn(4, 3)), (torch.randn(4, 3), torch.tensor([0, 1])), ("text", torch.tensor([0]))],
)
def test_what_is_no_classes_has_none(output: object, targets: Tensor) -> None:
    assert accuracy(output, targets) is None


def test_indices_beyond_the_outputs_are_no_classes() -> None:
    """The places of examples in their data set, beside their likeness to each other."""
    output, places = torch.randn(4, 4), torch.tensor([3, 17, 0, 40])
    assert accuracy(output, places) is None
    assert accuracy(output.bfloat16(), places) is None


def test_one_number_an_example_is_a_class_by_the_losss_boundary_and_what_has_no_label_is_left_out() -> None:
    logits, targets = torch.tensor([[-0.2], [0.2], [0.7]]), torch.tensor([[0.0], [1.0], [1.0]])
    assert accuracy(logits, targets) == 2 / 3
    assert accuracy(logits, targets, boundary=0.0) == 1.0
    scores, labels = torch.eye(3), torch.tensor([0, -100, 1])
    assert accuracy(scores, labels) == accuracy(scores.bfloat16(), labels) == 0.5
    assert accuracy(scores, torch.full((3,), -100)) is None


def test_where_each_place_has_a_class_those_are_counted_but_those_without() -> None:
    scores = torch.eye(4).expand(2, 4, 4)  # at place t class t has the greatest score
    assert accuracy(scores, torch.tensor([[0, 1, 2, 3], [0, 1, 0, 0]])) == 6 / 8
    assert accuracy(scores, torch.tensor([[0, 1, -100, -100], [1, 1, 1, 1]])) == 3 / 6
    assert accuracy(scores, torch.tensor([[0, 1, 2, 9]] * 2)) is None
