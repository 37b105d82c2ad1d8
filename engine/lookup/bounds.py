"""What an expression may cost: how deep it may be nested, how much computed, how large a result may grow."""

from __future__ import annotations

import ast

import torch
from torch import Tensor

from engine.errors import ExpressionError

DEEPEST = 100  # levels of the syntax tree; what walks it calls itself for each
_MOST_WORK = 2**33  # multiply-adds of one evaluation: a second or two
_ELEMENTWISE, _OF_A_FUNCTION = 16, 8  # multiply-adds that cost as much as an element
_MOST_ELEMENTS = 2**26  # of a result that is larger than what it is made of
_SHOWN = 60  # characters of an expression in what is said of it


def check_depth(tree: ast.AST) -> None:
    """Raise ExpressionError for a tree that is nested too deeply; it is measured without recursion."""
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [child for node in level for child in ast.iter_child_nodes(node)]
    if depth > DEEPEST:
        raise ExpressionError("the expression is too deeply nested", "shorten it")


class Budget:
    """What one evaluation may still cost."""

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def spend(self, node: ast.AST, tensors: list[Tensor]) -> None:
        """Count an operation. Raises ExpressionError for one that is too large, or one too many."""
        elements, work = _cost(node, tensors)
        self._left -= work
        if elements > max(_MOST_ELEMENTS, *(tensor.numel() for tensor in tensors)):
            raise ExpressionError(f"“{written(node)}” would have {elements:,} elements", "take slices of it: [1:10]")
        if self._left < 0:
            raise ExpressionError(f"“{written(node)}” takes too long to compute", "take slices of it: [1:10]")


def _cost(node: ast.AST, tensors: list[Tensor]) -> tuple[int, int]:
    """How many elements an operation makes, and what it costs in multiply-adds; shapes that do not fit cost nothing."""
    if len(tensors) < 2 or not isinstance(node, ast.BinOp | ast.Compare):
        most = max(tensor.numel() for tensor in tensors)
        return most, most * (_ELEMENTWISE if isinstance(node, ast.BinOp | ast.Compare) else _OF_A_FUNCTION)
    left, right = tensors
    try:
        if isinstance(node, ast.Compare) or not isinstance(node.op, ast.MatMult) or 0 in (left.dim(), right.dim()):
            elements = torch.broadcast_shapes(left.shape, right.shape).numel()
            return elements, elements * _ELEMENTWISE
        rows, columns = (left.shape[-2] if left.dim() > 1 else 1), (right.shape[-1] if right.dim() > 1 else 1)
        elements = torch.broadcast_shapes(left.shape[:-2], right.shape[:-2]).numel() * rows * columns
    except RuntimeError:
        return 0, 0  # the operation itself says what does not fit
    return elements, elements * left.shape[-1]


def written(node: ast.AST) -> str:
    """An expression as it may be shown: not at any length."""
    text = ast.unparse(node)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
