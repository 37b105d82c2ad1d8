"""What one process of a script's run tells another: tapes, states and numbers, as bytes. Both run the same code."""

from __future__ import annotations

import io
import pickle
import types
import weakref
from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from engine.tape.operations import OPERATIONS, Operation, operation
from engine.tape.versions import GONE, LEFT
from engine.training.memory import Copies

_MARKS = {"gone": GONE, "left": LEFT}
_OPERATORS = {id(row): aten for aten, row in OPERATIONS.items()}
_here: dict[str, Optimizer] = {}  # the optimizers of the process that unpacks


def pack(item: Any, optimizers: Mapping[str, Optimizer]) -> bytes:
    """Bytes of an item; views stay views of one memory, and optimizers go by their names."""
    names = {id(optimizer): name for name, optimizer in optimizers.items()}

    class Packer(pickle.Pickler):
        def reducer_override(self, part: Any) -> Any:
            if isinstance(part, weakref.ref):
                return _weak, (part(),)
            if isinstance(part, Operation) and id(part) in _OPERATORS:
                return operation, (_OPERATORS[id(part)],)
            if isinstance(part, Optimizer):
                return _optimizer, (names[id(part)],)
            if isinstance(part, Copies | types.FrameType | types.CodeType):
                return _nothing, ()
            if part is GONE or part is LEFT:
                return _mark, ("gone" if part is GONE else "left",)
            return NotImplemented

    module = types.SimpleNamespace(__name__="pickle", Pickler=Packer)
    buffer = io.BytesIO()
    torch.save(item, buffer, pickle_module=module)
    return buffer.getvalue()


def unpack(parcel: bytes, optimizers: Mapping[str, Optimizer]) -> Any:
    """The item, of this process's optimizers."""
    _here.clear()
    _here.update(optimizers)
    return torch.load(io.BytesIO(parcel), weights_only=False)


def _weak(item: Any) -> Any:
    return None if item is None else weakref.ref(item)


def _optimizer(name: str) -> Optimizer:
    return _here[name]


def _nothing() -> None:
    return None


def _mark(name: str) -> Any:
    return _MARKS[name]
