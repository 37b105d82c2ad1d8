"""Memory for copies of tensors, used again once nobody holds it: the first touch of a page costs more than the copy."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn

_KIND = attrgetter("shape", "dtype", "device")
_SPARE = 2  # blocks kept for the next copies
_APART = 16  # elements: each tensor begins on a boundary of as many


class Block:
    """Memory for tensors of these shapes, of each type and device in one piece, so that it leaves no holes."""

    def __init__(self, tensors: Sequence[Tensor], kinds: list[Any]) -> None:
        self.kinds = kinds
        self._pieces = {place: torch.empty(size, dtype=place[0], device=place[1]) for place, size in _sizes(tensors)}
        taken = dict.fromkeys(self._pieces, 0)
        self.tensors: list[Tensor] = []
        for tensor in tensors:
            place = _place(tensor)
            if tensor.is_contiguous():
                shape, stride, offset = tensor.shape, tensor.stride(), taken[place]
                self.tensors.append(self._pieces[place].as_strided(shape, stride, offset))
                taken[place] += _rounded(tensor)
            else:
                self.tensors.append(torch.empty_like(tensor))
        self.bytes = sum(tensor.nbytes for tensor in (*self._pieces.values(), *self.tensors) if tensor._base is None)
        self._unused = self._uses()

    def is_free(self) -> bool:
        """Whether nobody holds one of the tensors, a view of one, or an array over it."""
        return self._uses() == self._unused

    def _uses(self) -> list[int]:
        own = (*self._pieces.values(), *(tensor for tensor in self.tensors if tensor._base is None))
        storages = (torch._C._storage_Use_Count(tensor.untyped_storage()._cdata) for tensor in own)
        shared = (tensor._use_count() for tensor in self.tensors)  # type: ignore[attr-defined]  # torch has it
        return [*map(sys.getrefcount, self.tensors), *shared, *storages]


class Copies:
    """Copies of some tensors; the memory goes back to be used again when the last that holds this is gone."""

    def __init__(self, tensors: list[Tensor], block: Block | None, spare: list[Block]) -> None:
        self.tensors = tensors
        self.bytes = sum(t.numel() * t.element_size() for t in tensors) if block is None else block.bytes
        self._block, self._spare = block, spare

    def __del__(self) -> None:
        self.tensors = []
        if self._block is not None and len(self._spare) < _SPARE:
            self._spare.append(self._block)


class Memory:
    """Copies tensors, into memory of earlier copies where it is free."""

    def __init__(self) -> None:
        self._spare: list[Block] = []

    @torch.no_grad()
    def copies(self, tensors: Sequence[Tensor]) -> Copies:
        """A copy of each, in their order, laid out as they are."""
        if not all(map(_is_plain, tensors)):
            return Copies([tensor.detach().clone() for tensor in tensors], None, self._spare)
        kinds = [*map(_KIND, tensors)]
        block = self._free(kinds) or Block(tensors, kinds)
        if tensors:
            torch._foreach_copy_(block.tensors, list(tensors))
        return Copies(list(block.tensors), block, self._spare)

    def _free(self, kinds: list[Any]) -> Block | None:
        while self._spare:
            block = self._spare.pop()
            if block.kinds == kinds and block.is_free():
                return block
        return None


def _is_plain(tensor: Tensor) -> bool:
    return type(tensor) in (Tensor, nn.Parameter) and tensor.layout is torch.strided and not tensor.is_quantized


def _place(tensor: Tensor) -> tuple[torch.dtype, torch.device]:
    return tensor.dtype, tensor.device


def _rounded(tensor: Tensor) -> int:
    return math.ceil(tensor.numel() / _APART) * _APART


def _sizes(tensors: Sequence[Tensor]) -> list[tuple[tuple[torch.dtype, torch.device], int]]:
    sizes: dict[tuple[torch.dtype, torch.device], int] = {}
    for tensor in tensors:
        if tensor.is_contiguous():
            sizes[_place(tensor)] = sizes.get(_place(tensor), 0) + _rounded(tensor)
    return list(sizes.items())
