"""What a batch is made of: its tensors, by the names that they have in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

_DEEPEST = 4


def loaded(batch: Any, inputs: tuple[Any, ...] | None, targets: Any) -> list[tuple[str, str, Tensor]]:
    """Name, symbol and tensor of each value that is loaded: X and Y, or of any batch the first as X, others by key."""
    if inputs is None:
        return _of_any(batch)
    found = [
        ("A[0]" if number == 0 else f"X{number + 1}", "X", tensor)
        for number, tensor in enumerate(inputs)
        if isinstance(tensor, Tensor)
    ]
    return [*found, ("Y", "Y", targets)] if isinstance(targets, Tensor) else found


def _of_any(batch: Any) -> list[tuple[str, str, Tensor]]:
    found: list[tuple[str, str, Tensor]] = []
    taken = set[str]()
    for number, (key, tensor) in enumerate(_tensors(batch, "", 0), 1):
        name = "A[0]" if number == 1 else key or f"X{number}"
        if name in taken:
            name = f"X{number}"
        taken.add(name)
        found.append((name, "X", tensor))
    return found


def _tensors(item: Any, key: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    if isinstance(item, Tensor):
        yield key, item
        return
    if depth == _DEEPEST or isinstance(item, str | bytes | type):
        return
    if isinstance(item, Mapping):
        parts = [(str(name), each) for name, each in item.items()]
    elif isinstance(item, tuple) and hasattr(item, "_fields"):
        parts = list(zip(item._fields, item, strict=True))
    elif isinstance(item, list | tuple):
        parts = [("", each) for each in item]
    else:
        parts = _attributes(item)
    for name, each in parts:
        yield from _tensors(each, name, depth + 1)


def _attributes(item: Any) -> list[tuple[str, Any]]:
    slots = [(name, getattr(item, name, None)) for name in getattr(type(item), "__slots__", ())]
    own = vars(item) if hasattr(item, "__dict__") else {}
    return [*slots, *((name.lstrip("_"), each) for name, each in own.items())]
