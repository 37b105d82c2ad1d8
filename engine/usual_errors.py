"""Errors that torch raises often, and what to do about them, from the numbers that the failing call was given."""

from __future__ import annotations

import re
from types import FrameType
from typing import Any, TypeGuard

import torch
from torch import Tensor

_MOST = 3  # rows, and numbers
WRITTEN = "of its shape, written in place: "  # begins a note that an Onlooker adds


def cure_of(error: BaseException) -> str:
    """What to do about an exception; "" where that is not known."""
    try:
        return next((found for find in (_target, _index, _in_place, _second_time) if (found := find(error))), "")
    except Exception:  # what it was called with may be anything; the error itself must be told
        return ""


def _arguments(error: BaseException, functions: tuple[str, ...]) -> dict[str, Any]:
    """What torch's own function of one of these names was called with, where the exception passed through it."""
    trace, found = error.__traceback__, dict[str, Any]()
    while trace is not None:
        if trace.tb_frame.f_code.co_name in functions and _is_torch(trace.tb_frame):
            found = trace.tb_frame.f_locals
        trace = trace.tb_next
    return found


def _is_torch(frame: FrameType) -> bool:
    return frame.f_code.co_filename == torch.nn.functional.__file__


def _target(error: BaseException) -> str:
    """A class that the model has no output for."""
    given = _arguments(error, ("cross_entropy", "nll_loss"))
    scores, targets = given.get("input"), given.get("target")
    if not isinstance(scores, Tensor) or not _are_numbers(targets) or scores.dim() == 0:
        return ""
    classes = scores.shape[1 if scores.dim() > 1 else 0]
    wrong: Tensor = ((targets < 0) | (targets >= classes)) & (targets != given.get("ignore_index"))
    if not bool(wrong.any()):
        return ""
    return (
        f"classes count from 0, and the model has {classes} outputs, for 0 to {classes - 1}: "
        f"the targets hold {_where(targets, wrong)}; give it more outputs, or number the classes from 0"
    )


def _index(error: BaseException) -> str:
    """An index that an embedding has no row for."""
    given = _arguments(error, ("embedding", "embedding_bag"))
    indices, weight = given.get("input"), given.get("weight")
    if not isinstance(weight, Tensor) or not _are_numbers(indices):
        return ""
    wrong = (indices < 0) | (indices >= len(weight))
    if not bool(wrong.any()):
        return ""
    return (
        f"the embedding has {len(weight)} rows, for 0 to {len(weight) - 1}: the indices hold "
        f"{_where(indices, wrong)}; give it more rows (num_embeddings)"
    )


def _are_numbers(item: Any) -> TypeGuard[Tensor]:
    """Whether it is a tensor of whole numbers."""
    return isinstance(item, Tensor) and not item.is_floating_point()


def _where(numbers: Tensor, wrong: Tensor) -> str:
    """The numbers that are wrong and the rows of the batch that hold them: "3 in rows 5, 7, 9 … (81)"."""
    rows = wrong.reshape(len(wrong) if wrong.dim() else 1, -1).any(1).nonzero()[:, 0] + 1
    return f"{_listed(torch.unique(numbers[wrong]))} in row{'s' if len(rows) > 1 else ''} {_listed(rows)}"


def _listed(numbers: Tensor) -> str:
    shown = ", ".join(map(str, numbers[:_MOST].tolist()))
    return shown + (f" … ({len(numbers)})" if len(numbers) > _MOST else "")


def _in_place(error: BaseException) -> str:
    """A value that the backward pass needs, written over; where, if an Onlooker saw it."""
    if not is_in_place(error):
        return ""
    seen = next((f" ({note})" for note in getattr(error, "__notes__", ()) if note.startswith(WRITTEN)), "")
    return (
        f"the backward pass needs a value as it was before it was written over{seen}: "
        "make a new one, as h = h + 1 does and h += 1 does not, or go back before the step"
    )


def _second_time(error: BaseException) -> str:
    """A graph that a backward pass has gone through, and freed."""
    if not isinstance(error, RuntimeError) or "backward through the graph a second time" not in str(error):
        return ""
    return (
        "a backward pass frees the graph that it went through: what a batch keeps for the next one is to be detached "
        "(h = h.detach()); from several losses of one graph go backward together, (a + b).backward()"
    )


def is_in_place(error: BaseException) -> bool:
    """Whether a backward pass found a value changed that it needs."""
    return isinstance(error, RuntimeError) and "modified by an inplace operation" in str(error)


def changed_shape(error: BaseException) -> tuple[int, ...]:
    """The shape of that value, in order of size, since it may be a transposed view."""
    found = re.search(r"\[[\w.]+ \[([\d, ]*)\]\]", str(error))
    return tuple(sorted(map(int, found[1].split(",")))) if found and found[1] else ()
