"""Of a backward pass, the nodes to look at: those that can make a gradient that is not finite, where it may be hidden.

What is sent to a leaf is added up in its `.grad`, where it stays: there one look at the end sees all that came.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

_ACCUMULATE = torch._C._functions.AccumulateGrad
_MAKES, _KEEPS, _PASSES, _LEAF = range(4)
_WORDS = {
    **dict.fromkeys(("Relu", "Select", "Slice", "Split", "Threshold"), _KEEPS),  # each element, or 0
    **dict.fromkeys(
        ("Alias", "Clone", "Permute", "ReshapeAlias", "Squeeze", "T", "Transpose"), _PASSES
    ),  # each element
    **dict.fromkeys(("UnsafeView", "Unsqueeze", "View"), _PASSES),
}


class _Kinds(dict[type, int]):
    """What a class of nodes does with what arrives; found out once."""

    def __missing__(self, node: type) -> int:
        word = node.__name__.rstrip("0123456789").removesuffix("Backward")
        kind = _MAKES if issubclass(node, BackwardCFunction) else _WORDS.get(word, _MAKES)
        self[node] = kind
        return kind


_kinds = _Kinds({_ACCUMULATE: _LEAF})


def lookers(roots: list[Any]) -> tuple[list[tuple[Any, tuple[int, ...]]], list[Tensor]]:
    """The nodes below some that a hook must look at, each with the edges along which; and the leaves below them."""
    found: list[tuple[Any, tuple[int, ...]]] = []
    leaves: list[Tensor] = []
    kept = dict.fromkeys(roots, False)  # by node: whether all that is sent there stays in the gradient of a leaf
    stack = list(roots)
    while stack:
        node = stack.pop()
        kind = _kinds[type(node)]
        if kind == _LEAF:  # a root
            leaves.append(node.variable)
            continue
        unseen = []
        for at, (end, _) in enumerate(node.next_functions):
            if end is None:
                continue
            known = kept.get(end)
            if known is None:
                known = kept[end] = _follow(end, kept, leaves)
                if known is False:
                    stack.append(end)
            if kind == _MAKES and not known:
                unseen.append(at)
        if unseen:
            found.append((node, tuple(unseen)))
    return found, leaves


def _follow(node: Any, kept: dict[Any, bool], leaves: list[Tensor]) -> bool:
    """Whether all that is sent to a node that was not met before ends in the gradient of a leaf, as it is."""
    last = node
    while (kind := _kinds[type(last)]) == _PASSES:
        last = last.next_functions[0][0]
    if kind != _LEAF:
        return False
    variable = last.variable
    if variable._backward_hooks or getattr(variable, "_post_accumulate_grad_hooks", None):
        return False
    if last is node or last not in kept:
        kept[last] = True
        leaves.append(variable)
    return True
