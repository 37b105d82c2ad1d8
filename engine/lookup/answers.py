"""Values as plain data for JSON, and as text to read."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import torch
from torch import Tensor

_LARGEST = 100_000  # numbers that travel in one answer


def plain_value(value: Any) -> Any:
    """Numbers, lists and dicts. A tensor of over 100,000 elements is its shape and says so."""
    if isinstance(value, Tensor):
        if value.numel() > _LARGEST:
            return {"shape": list(value.shape), "omitted": "over 100,000 numbers: take a slice, [1:10]"}
        return value.tolist()
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    return value


def for_json(value: Any) -> Any:
    """The same with not-a-number and infinities as the strings that JSON can carry."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: for_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [for_json(item) for item in value]
    return for_json(msgspec.to_builtins(value)) if isinstance(value, msgspec.Struct) else value


_SHORT = 8  # numbers in a row that need no shape beside them


def readable(value: Any) -> str:
    """A value as text: numbers with six digits, tensors with their shape."""
    if isinstance(value, Tensor):
        if value.numel() == 1:
            return _number(value.item())
        if value.dim() == 1 and value.numel() <= _SHORT and not value.is_floating_point():
            return f"[{', '.join(map(str, value.tolist()))}]"  # a shape, a few labels
        shape = "×".join(map(str, value.shape))
        rows = torch.Tensor.__str__(value.detach()).removeprefix("tensor(").removesuffix(")")
        return f"{shape}\n{rows.replace(chr(10) + '       ', chr(10))}"
    return _number(value) if isinstance(value, float | int) else str(value)


def _number(value: float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
