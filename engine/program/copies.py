"""Copies of plain values, tensors, containers and random generators, and whether two are alike bit for bit."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size)
_ATOMS = frozenset((bool, int, float, complex, str, bytes, type(None)))
MOST_COPIED = 2**20  # elements of one list, array or tensor: what is larger is a data set, not a state


def copied(item: Any) -> Any:
    """A copy of tensors and arrays, and of lists, tuples, dicts and deques of them; else the same."""
    if type(item) in _ATOMS:
        return item
    if isinstance(item, Tensor):
        return item.detach().clone()
    if isinstance(item, np.ndarray):
        return item.copy()
    if isinstance(item, dict):
        return {key: copied(part) for key, part in item.items()}
    if isinstance(item, deque):
        return deque(map(copied, item), item.maxlen)
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return type(item)(*map(copied, item))
    return type(item)(map(copied, item)) if type(item) in (list, tuple, set, frozenset) else item


def is_parameter(item: Any) -> bool:
    """Whether this is a tensor that is trained, of a module or not: put back in place, since an optimizer holds it."""
    return isinstance(item, nn.Parameter) or (isinstance(item, Tensor) and item.requires_grad and item.is_leaf)


def bytes_of(item: Any) -> int:
    """Bytes of the tensors in it."""
    if isinstance(item, Tensor):
        return item.numel() * item.element_size()
    if isinstance(item, dict):
        return sum(map(bytes_of, item.values()))
    return sum(map(bytes_of, item)) if isinstance(item, list | tuple) else 0


def is_value(item: Any) -> bool:
    """Whether this is copied whole: a tensor or array that is no data set, or a container of plain values."""
    if isinstance(item, Tensor):
        return item.numel() <= MOST_COPIED and not is_parameter(item)
    if isinstance(item, np.ndarray):
        return item.size <= MOST_COPIED and item.dtype != object
    if isinstance(item, np.generic):
        return True
    if isinstance(item, list | tuple | deque | set | frozenset):
        return len(item) <= MOST_COPIED and all(isinstance(part, PLAIN) or is_value(part) for part in item)
    if isinstance(item, dict):
        return len(item) <= MOST_COPIED and all(isinstance(part, PLAIN) or is_value(part) for part in item.values())
    return False


def put_into(container: Any, copy: Any) -> Any:
    """Give a list, dict, deque or set its former content in place, so that whoever holds it sees it; the container."""
    if isinstance(container, list):
        container[:] = copy
    elif isinstance(container, dict | set):
        container.clear()
        container.update(copy)
    elif isinstance(container, deque):
        container.clear()
        container.extend(copy)
    else:
        return copy
    return container


def generator_state(item: Any) -> Any:
    """The state of a random generator, copied; None for what is none."""
    if isinstance(item, torch.Generator):
        return item.get_state()
    if isinstance(item, np.random.Generator):
        return item.bit_generator.state
    if isinstance(item, np.random.RandomState):
        return item.get_state(legacy=False)
    return item.getstate() if isinstance(item, random.Random) else None


def set_generator(generator: Any, state: Any) -> None:
    """Put a random generator back."""
    if isinstance(generator, torch.Generator):
        generator.set_state(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal bit for bit, NaN and containers of tensors included."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return _equal(one, other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple | deque) and isinstance(other, list | tuple | deque):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(type(one) is type(other) and (one == other or one != one))


def _equal(one: Tensor, other: Tensor) -> bool:
    if (one.shape, one.dtype, one.layout, one.device) != (other.shape, other.dtype, other.layout, other.device):
        return False
    if one.is_meta:  # there are no bits
        return True
    if one.layout is not torch.strided:
        return bool(torch.equal(one.to_dense(), other.to_dense()))
    return bool(torch.equal(one, other) or (one.is_floating_point() and torch.equal(_bits(one), _bits(other))))


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)
