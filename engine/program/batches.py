"""What a loader yields, as a supervised step takes it: inputs and targets; and how many examples are in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

from torch import Tensor

from engine.errors import ModelError

_OWN = (
    "model and loss need pairs (inputs, targets), or (input, …, targets); for any other batch return "
    "modules, optimizers, loader and a step(batch) of your own"
)


class Batch(NamedTuple):
    """A mini-batch told apart: what the model is called with, and what its output is compared with."""

    inputs: tuple[Any, ...]
    targets: Any


def split_batch(item: Any, forward: Callable[..., Any] | None = None) -> Batch:
    """Inputs and targets of a pair or (input, …, targets).

    A list as the only input is spread over the arguments of `forward`, unless it takes just one. Raises ModelError for
    what is neither, and for more inputs than `forward` takes.
    """
    if isinstance(item, list | tuple) and len(item) >= 2:
        inputs = tuple(item[:-1])
        if len(inputs) == 1 and isinstance(inputs[0], list | tuple) and _takes(forward, inputs[0]):
            inputs = tuple(inputs[0])
        if len(inputs) > 1 and not _takes(forward, inputs):
            raise ModelError(
                f"the loader yields {len(item)} things, and the model does not take {len(inputs)} of them", _OWN
            )
        return Batch(inputs, item[-1])
    raise ModelError(
        f"the loader yields a {type(item).__name__}{' of one' if isinstance(item, list | tuple) else ''}", _OWN
    )


def _takes(forward: Callable[..., Any] | None, arguments: list[Any] | tuple[Any, ...]) -> bool:
    if forward is None:
        return True
    try:
        inspect.signature(forward).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # it has no signature
        return True
    return True


def tensors_in(batch: Any, depth: int = 4) -> Iterator[tuple[str, Tensor]]:
    """Name and tensor of all that is found in a batch: items of dicts, fields and attributes of objects, lists."""
    if isinstance(batch, Tensor):
        yield "", batch
    elif depth:
        for name, part in _parts(batch):
            for inner, tensor in tensors_in(part, depth - 1):
                yield ".".join(word for word in (name, inner) if word), tensor


def _parts(batch: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(batch, Mapping):
        yield from ((str(key), part) for key, part in batch.items())
    elif hasattr(batch, "_fields"):
        yield from zip(batch._fields, batch, strict=True)
    elif isinstance(batch, list | tuple):
        yield from (("", part) for part in batch)
    elif is_dataclass(batch):
        yield from ((each.name, getattr(batch, each.name)) for each in fields(batch))
    elif hasattr(batch, "to_dict"):  # of PyG, and of what looks like it
        yield from ((str(key), part) for key, part in batch.to_dict().items())
    elif hasattr(batch, "__dict__"):
        yield from vars(batch).items()


def examples_in(*parts: Any) -> int:
    """The length of the first tensor that has one; 0 where there is none."""
    return next((len(tensor) for part in parts for _, tensor in tensors_in(part) if tensor.dim()), 0)
