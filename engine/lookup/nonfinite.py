"""Which operation of a batch made the first NaN or infinity out of finite values.

1. What only fills, chooses, moves or allocates makes nothing; what it, data, constants or buffers bring in is declared.
2. NaN out and no NaN in: made here, even from infinities. 3. ±inf out and all inputs finite: made here.
4. Element by element: made here where an output is bad and its own inputs are not. 5. Else it is passed on, in silence.
6. ℒ, a parameter, its gradient or a buffer that was finite and is not now always counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from engine.protocol.positions import Phase
from engine.statistics import is_bad
from engine.tape.operations import VIEWS
from engine.tape.tape import Event, Tape, Value
from engine.tape.versions import Later


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOVES = VIEWS | _words(
    """
    _pack_padded_sequence _pad_packed_sequence arange bernoulli_ cat constant_pad_nd copy_ diag_embed diagonal_backward
    embedding empty empty_like empty_strided fill_ flip full full_like gather index index_fill index_fill_ index_put
    index_put_ index_select masked_fill masked_fill_ masked_scatter masked_select max_pool2d_with_indices new_empty
    new_empty_strided new_full new_ones new_zeros ones ones_like random_ repeat repeat_interleave roll scalar_tensor
    scatter scatter_ select_backward slice_backward slice_scatter stack topk tril tril_ triu triu_ unfold_backward where
    zero_ zeros zeros_like
    """
)
# Forward, no finite input becomes infinite, and none that is not NaN becomes NaN.
KEEPS = _words(
    """
    abs abs_ amax amin clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ hardtanh hardtanh_ max maximum min minimum
    neg neg_ relu relu_ sigmoid sigmoid_ sign tanh tanh_ threshold threshold_
    """
)
_BY_ELEMENT = _words(
    """
    _to_copy abs acos acosh add addcdiv addcmul asin asinh atan2 atanh clamp clamp_max clamp_min cos cosh div elu erf
    erfinv exp exp2 expm1 float_power fmod gelu hardswish hardtanh leaky_relu lgamma log log10 log1p log2 log_sigmoid
    logit maximum minimum mul neg pow reciprocal relu remainder rsqrt rsub sigmoid silu sin sinh softplus sqrt sub tan
    tanh true_divide xlogy
    """
)


class Made(NamedTuple):
    """What an event made, or passed on to where it always counts: where it is not finite, and what went in.

    `why` is "made", or "reached" for what came from data, a constant or a buffer.
    """

    event: Event
    name: str
    tensor: Tensor
    where: Tensor  # true at what was made here, of the tensor's shape
    inputs: tuple[tuple[str, Tensor], ...]
    why: str = "made"


def first_made(tape: Tape) -> Made | None:
    """The first event that made, or let reach what counts, something that is not finite; None if none did.

    Values that the tape has no room for are taken to be finite: see `unheld`.
    """
    return tape.once("first non-finite", lambda: next(_found(tape), None))


def unheld(tape: Tape) -> list[int]:
    """Events before the first that is known to have made something, of whose values not all are held."""
    found = first_made(tape)
    end = len(tape) if found is None else found.event.number - 1
    return [event.number for event in tape.events[:end] if any(_is_unheld(part) for part in (*event.folded, event))]


def bad_before(tape: Tape) -> list[str]:
    """The parameters that were not finite before the batch, by full name."""
    held = {value.parameter for event in tape.events for value in event.inputs if value.parameter}
    return [name for name, tensor in tape.before.tensors.items() if name in held and is_bad(tensor)]


def bad_place(tape: Tape, event: Event, tensor: Tensor, usual: tuple[int, ...]) -> tuple[int, ...]:
    """An element of a tensor of an event: the first that it made NaN or infinite, if it did and the usual is none."""
    if not is_bad(tensor):
        return usual
    found = (each.where for each in _made_by(tape, event) if each.tensor.data_ptr() == tensor.data_ptr())
    where = next((each for each in found if each.shape == tensor.shape), None)
    return usual if where is None or bool(where[usual]) else tuple(where.nonzero()[0].tolist())


def _found(tape: Tape) -> Iterator[Made]:
    spread = bool(bad_before(tape))
    for event in tape.events[1:]:  # the first loads
        made = next(_made_by(tape, event), None) or (None if spread else _reached(tape, event))
        if made is not None:
            yield made


# ── made ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _made_by(tape: Tape, event: Event) -> Iterator[Made]:
    if event.phase is Phase.UPDATE:
        inputs = tuple(_versions(tape, event, event.number - 1))
        for name, tensor in _versions(tape, event, event.number):
            yield from _judged(event, name, tensor, inputs, by_element=True)
        return
    if event.phase is Phase.BACKWARD:
        yield from _made_backward(tape, event)
        return
    for part in (*event.folded, event):
        if part.aten not in MOVES and part.phase is not Phase.BACKWARD:
            inputs = _given(tape, part.inputs, event.number)
            for value in part.outputs:
                if value.tensor is not None:
                    yield from _judged(event, value.name, value.tensor, inputs, is_by_element(part.aten))


def _made_backward(tape: Tape, event: Event) -> Iterator[Made]:
    twin = event.twin
    if twin is not None and twin.aten in MOVES:
        return
    names = [f"d{value.name}" for value in twin.outputs] if twin is not None else []
    names += ["d"] * (len(event.gradients_in) - len(names))
    came = [(name, each) for name, each in zip(names, event.gradients_in, strict=False) if each is not None]
    beside = () if twin is None else _given(tape, (*twin.inputs, *twin.outputs), event.number)
    by_element = twin is not None and is_by_element(twin.aten)
    for target, gradient in event.gradients_out:
        if gradient is not None:
            name = f"d{target.name}" if target is not None else "a gradient"
            yield from _judged(event, name, gradient, (*came, *beside), by_element)


def is_by_element(aten: str) -> bool:
    """Whether an operator computes each element of its output of those of its inputs in the same place."""
    return aten.removesuffix("_") in _BY_ELEMENT


def _judged(
    event: Event, name: str, out: Tensor, inputs: tuple[tuple[str, Tensor], ...], by_element: bool
) -> Iterator[Made]:
    where = made_where(out, [tensor for _, tensor in inputs], by_element) if is_bad(out) else None
    if where is not None:
        yield Made(event, name, _dense(out), where, inputs)


def made_where(out: Tensor, inputs: list[Tensor], by_element: bool) -> Tensor | None:
    """True at what an operation made NaN or infinite by the rule, of its output's shape; None where it made nothing."""
    out = _dense(out)
    given = [_dense(tensor) for tensor in inputs if tensor.is_floating_point() or tensor.is_complex()]
    where = torch.zeros_like(out, dtype=torch.bool)
    nan, infinite = torch.isnan(out), torch.isinf(out)
    if not any(bool(torch.isnan(each).any()) for each in given):
        where = where | nan
    if not any(map(is_bad, given)):
        where = where | infinite
    if by_element and (own := _broadcast(given, out)) is not None:
        was_nan, was_bad = own
        where = where | (nan & ~was_nan) | (infinite & ~was_bad)
    return where if bool(where.any()) else None


def _broadcast(given: list[Tensor], out: Tensor) -> tuple[Tensor, Tensor] | None:
    """Of each element of what came out, whether any of its own inputs was NaN, and was not finite."""
    nan = torch.zeros_like(out, dtype=torch.bool)
    bad = nan.clone()
    try:
        for each in given:
            nan, bad = nan | torch.isnan(each), bad | ~torch.isfinite(each)
    except RuntimeError:
        return None
    return (nan, bad) if nan.shape == out.shape else None


# ── reached ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _reached(tape: Tape, event: Event) -> Made | None:
    """ℒ, a parameter, a gradient of one, or a buffer that is not finite from this event on, and was."""
    for loss in tape.losses.values():
        if loss.event is event and loss.value.tensor is not None and is_bad(loss.value.tensor):
            return _of_reached(event, loss.value.name, loss.value.tensor)
    for key in tape.once("what each event changes", lambda: _changes(tape)).get(event.number, ()):
        now, before = _version(tape, key, event.number), _version(tape, key, event.number - 1)
        if now is not None and is_bad(now) and (before is None or not is_bad(before)):
            return _of_reached(event, key, now)
    return None


def _of_reached(event: Event, name: str, tensor: Tensor) -> Made:
    tensor = _dense(tensor)
    return Made(event, name, tensor, ~torch.isfinite(tensor), (), "reached")


def _changes(tape: Tape) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key in tape.versions.keys():  # noqa: SIM118 - no mapping
        if isinstance(key, str):
            for number in tape.versions.events(key):
                found.setdefault(number, []).append(key)
    return found


# ── what there was ────────────────────────────────────────────────────────────────────────────────────────────────────


def _versions(tape: Tape, event: Event, done: int) -> Iterator[tuple[str, Tensor]]:
    """What an update reads or leaves: the parameter, its gradient, and the optimizer's state of it."""
    for key in (event.parameter, f"d{event.parameter}"):
        if (tensor := _version(tape, key, done)) is not None:
            yield key, tensor
    for key, item in tape.versions.get((event.optimizer, event.parameter), done).items():
        if isinstance(item, Tensor):
            yield key, item


def _version(tape: Tape, key: str, done: int) -> Tensor | None:
    try:
        found = tape.versions.get(key, done)
    except (KeyError, Later):
        return None
    return found if isinstance(found, Tensor) else None


def _given(tape: Tape, values: tuple[Value, ...], number: int) -> tuple[tuple[str, Tensor], ...]:
    """Values as an event found them, by name, as far as they are held."""
    found = ((value.name, _then(tape, value, number)) for value in values)
    return tuple((name, tensor) for name, tensor in found if tensor is not None)


def _then(tape: Tape, value: Value, number: int) -> Tensor | None:
    if value.parameter or value.buffer:
        return _version(tape, value.parameter or value.buffer, number - 1)
    return value.tensor


def _is_unheld(event: Event) -> bool:
    if event.phase is Phase.BACKWARD:
        return bool(event.gradients_out) and all(
            each is None for each in (*event.gradients_in, *(g for _, g in event.gradients_out))
        )
    lost = [value for value in event.outputs if value.tensor is None and value.statistics is not None]
    return any(value.statistics is not None and value.statistics.bad > 0 for value in lost)


def _dense(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return tensor if tensor.layout is torch.strided else tensor.to_dense()
