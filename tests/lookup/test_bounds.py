"""What would take too long, or too much memory, is refused before it is computed."""

from __future__ import annotations

import ast

import pytest
import torch

from engine.errors import ExpressionError
from engine.lookup.bounds import DEEPEST, Budget, check_depth


def large(*shape: int) -> torch.Tensor:
    """A tensor of that shape that takes no memory."""
    return torch.zeros(()).expand(shape)


def tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("text", "shapes", "says"),
    [
        ("a * b", [(50_000, 1), (1, 50_000)], "2,500,000,000 elements"),
        ("a < b", [(50_000, 1), (1, 50_000)], "2,500,000,000 elements"),
        ("a @ b", [(50_000, 1), (1, 50_000)], "2,500,000,000 elements"),
        ("a @ b", [(8192, 8192), (8192, 8192)], "takes too long"),
        ("a @ b", [(64, 1024, 1024), (1024, 1024)], "takes too long"),
        ("exp(a)", [(2_000_000_000,)], "takes too long"),
    ],
)
def test_what_is_too_large_is_refused(text: str, shapes: list[tuple[int, ...]], says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        Budget().spend(tree(text), [large(*shape) for shape in shapes])


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("a * a", [(500_000_000,), (500_000_000,)]),
        ("exp(a)", [(1_000_000_000,)]),
        ("a @ b", [(1024, 4096), (4096, 1024)]),
        ("a @ b", [(7,), (7,)]),
        ("a @ b", [(2, 3), (4, 5)]),  # the product itself says what is wrong
    ],
)
def test_what_a_model_has_may_be_computed_with(text: str, shapes: list[tuple[int, ...]]) -> None:
    Budget().spend(tree(text), [large(*shape) for shape in shapes])


def test_many_small_costs_add_up() -> None:
    budget, node, tensors = Budget(), tree("a @ b"), [large(512, 1024), large(1024, 512)]
    for _ in range(32):
        budget.spend(node, tensors)
    with pytest.raises(ExpressionError, match="too long"):
        budget.spend(node, tensors)


def test_depth_is_bounded() -> None:
    check_depth(tree("-" * (DEEPEST - 2) + "1"))
    with pytest.raises(ExpressionError, match="nested"):
        check_depth(tree("-" * DEEPEST + "1"))
