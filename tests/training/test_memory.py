"""Memory of earlier copies is used again, but never while anybody holds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.training.memory import Copies, Memory


def _tensors() -> list[Tensor]:
    return [
        torch.randn(3, 5),
        torch.randn(4),
        torch.arange(3),
        torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
    ]


def _places(copies: Copies) -> list[int]:
    return [tensor.data_ptr() for tensor in copies.tensors]


def test_copies_are_alike_and_laid_out_as_the_tensors_are() -> None:
    tensors = _tensors()
    copies = Memory().copies(tensors)
    assert all(map(torch.equal, copies.tensors, tensors))
    assert [copy.stride() for copy in copies.tensors] == [tensor.stride() for tensor in tensors]
    assert copies.bytes >= sum(tensor.nbytes for tensor in tensors)


def test_memory_that_nobody_holds_is_used_again() -> None:
    memory, tensors = Memory(), _tensors()
    copies = memory.copies(tensors)
    places = _places(copies)
    del copies
    assert _places(memory.copies(tensors)) == places


@pytest.mark.parametrize("hold", [lambda t: t, lambda t: t[1:], lambda t: t.detach(), lambda t: t.numpy()])
def test_memory_of_which_a_tensor_a_view_or_an_array_is_held_is_left_alone(hold: Callable[[Tensor], Any]) -> None:
    memory, tensors = Memory(), _tensors()
    copies = memory.copies(tensors)
    held, before = hold(copies.tensors[0]), tensors[0].clone()
    del copies
    tensors[0].zero_()
    memory.copies(tensors)
    assert torch.equal(torch.as_tensor(held), torch.as_tensor(hold(before)))


def test_tensors_of_other_shapes_get_other_memory() -> None:
    memory = Memory()
    memory.copies([torch.zeros(1)])
    assert torch.equal(memory.copies([torch.arange(5.0)]).tensors[0], torch.arange(5.0))


def test_what_has_no_place_in_plain_memory_is_copied_as_it_is() -> None:
    sparse = torch.eye(3).to_sparse()
    copies = Memory().copies([sparse, torch.ones(2)])
    assert torch.equal(copies.tensors[0].to_dense(), torch.eye(3))
    assert copies.tensors[0] is not sparse
