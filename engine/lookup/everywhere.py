"""nan(*): whether anything at all is not finite at a cursor, and what first made it so."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.errors import EngineError
from engine.lookup.nonfinite import Made, first_made, unheld
from engine.lookup.values import Values
from engine.statistics import is_bad

_AT_ONCE = 32  # events whose values are held again, where the tape had no room for them


def first_bad(values: Values) -> Made | None:
    """What first became NaN or infinite in the cursor's batch, recorded anew where its tape does not hold enough."""
    tape = values.tape
    if tape is None:
        return None
    looked = set[int]()
    while missing := [number for number in unheld(tape) if number not in looked][:_AT_ONCE]:
        looked.update(missing)
        tape = values.refreshed(frozenset(number + around for number in missing for around in (-1, 0, 1)))
    return first_made(tape)


def anything_bad(values: Values) -> bool:
    """Whether something became so in the batch up to the cursor, or the loss, a parameter or a gradient is so.

    In a free run what was seen of every tensor of the batch tells.
    """
    if values.seen_bad is not None:
        return values.seen_bad()
    made = first_bad(values)
    if made is not None and made.event.number <= values.done:
        return True
    return _loss_is_bad(values) or any(map(is_bad, _held(values)))


def _loss_is_bad(values: Values) -> bool:
    try:
        loss = values.scalars["loss"]()
    except EngineError:  # there are several
        return False
    return isinstance(loss, float) and not math.isfinite(loss)


def _held(values: Values) -> list[Tensor]:
    """Parameters and their gradients; of a buffer an infinity may be meant, NaN is not."""
    buffers = values.naming.buffers
    found = [tensor for name, tensor in values.tensors().items() if name not in buffers or _has_nan(tensor)]
    return [*found, *values.parameter_gradients()]


def _has_nan(tensor: Tensor) -> bool:
    return is_bad(tensor) and bool(torch.isnan(tensor).any())
