"""How one element of a parameter came to be updated: old and new, its gradient, the group's settings, the state."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engine.experiments.optimizers import OptimizerSpec, spec_for
from engine.experiments.updates import constants, follow
from engine.statistics import plain
from engine.tape.rules.numbers import argument, change, number
from engine.tape.tape import Event, Tape

_ROUNDINGS = 64  # of the greatest number: what a step of several operations may be off by


class Update(NamedTuple):
    """What an update did to one element, and whether the optimizer's rule gives that."""

    lines: list[str]
    agrees: bool


def update(tape: Tape, event: Event) -> Update:
    """At the first element that the update made NaN or infinite, else where the gradient is largest."""
    name = event.parameter
    before = tape.versions.before(name, event.number)
    old, new = before.reshape(-1), tape.versions.get(name, event.number).reshape(-1)
    gradients = tape.versions.newest(f"d{name}", event.number)
    gradient = _dense(gradients[1]).reshape(-1) if gradients is not None else None
    made = (~torch.isfinite(plain(new)) & torch.isfinite(plain(old))).nonzero()
    place = int(made[0]) if len(made) else _busiest(gradient) if gradient is not None else 0
    rate = float(event.settings.get("lr", 0.0))
    which = "the first that was finite and is not" if len(made) else "where |gradient| is largest"
    lines = [f"at element {_place(before, place)}, {which}:"]
    was, now = old[place].item(), new[place].item()
    lines.append(f"  old {change(was, now).replace('→', '→ new')}   Δ {number(now - was)}")
    if gradient is not None:
        decay = event.settings.get("weight_decay") or 0.0
        lines.append(f"  g {number(gradient[place].item())}   η {number(rate)}" + (f"   λ {decay:g}" if decay else ""))
    lines += _state_lines(tape, event, place, old.numel())
    if gradient is None or spec_of(tape, event) is None:
        return Update(lines, False)
    by_rule = _by_the_rule(tape, event, old[place], gradient[place], place)
    if by_rule is None:
        return Update(lines, False)
    rounding = torch.finfo(new.dtype).eps * _ROUNDINGS * max(abs(was), abs(now), abs(by_rule))
    if abs(by_rule - now) <= rounding or by_rule == now or (now != now and by_rule != by_rule):
        return Update(lines, True)
    off = abs(by_rule - now)
    missed = f"misses by {number(off)}" if math.isfinite(off) else f"gives as {number(by_rule)} in float64"
    return Update([*lines, f"  which its rule {missed}"], False)


def _by_the_rule(tape: Tape, event: Event, old: Tensor, gradient: Tensor, place: int) -> float | None:
    """What one element becomes by the text of the optimizer's rule, in float64; None where that cannot be told."""
    spec = spec_of(tape, event)
    if spec is None or old.is_complex():
        return None
    kept = tape.versions.before((event.optimizer, event.parameter), event.number) or {}
    now: dict[str, Any] = {"θ": old.double(), "g": gradient.double()}
    for key, item in kept.items():
        if key in spec.symbols and isinstance(item, Tensor | int | float):
            flat = torch.as_tensor(item).reshape(-1)
            now[spec.symbols[key].unicode] = flat[place if flat.numel() > 1 else 0].double()
    now["t"] = float(now["t"]) + 1 if "t" in now else 1 if not now.keys() - {"θ", "g"} else 2
    try:
        return float(follow(spec, event.settings, now)["θ"])
    except (ValueError, ArithmeticError, NameError, TypeError, IndexError):  # in words, or of the whole tensor
        return None


def spec_of(tape: Tape, event: Event) -> OptimizerSpec | None:
    """The rule of the optimizer that makes an update; None for one without, or that the program does not name."""
    saved = tape.before.optimizers.get(event.optimizer)
    return None if saved is None else spec_for(type(saved.of), event.settings)


def _busiest(gradient: Tensor) -> int:
    return int(plain(gradient).abs().nan_to_num(0.0).argmax())


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def _place(tensor: Tensor, flat: int) -> str:
    places = []
    for size in reversed(tensor.shape):
        places.append(flat % size + 1)
        flat //= size
    return "[" + ",".join(str(place) for place in reversed(places)) + "]"


def _state_lines(tape: Tape, event: Event, place: int, size: int) -> list[str]:
    key, spec = (event.optimizer, event.parameter), spec_of(tape, event)
    before, after = tape.versions.before(key, event.number), tape.versions.get(key, event.number)
    lines = []
    for key, item in after.items():
        if not isinstance(item, Tensor) or item.numel() not in (1, size):
            continue
        symbol = spec.symbols[key].unicode if spec is not None and key in spec.symbols else key
        old = before.get(key)
        was = old.reshape(-1)[place if old.numel() > 1 else 0].item() if isinstance(old, Tensor) else 0.0
        lines.append(f"  {symbol} {change(was, item.reshape(-1)[place if item.numel() > 1 else 0].item())}")
    given = {} if spec is None else constants(spec, event.settings)
    return (
        [*lines, "  " + "   ".join(f"{symbol} {argument(value)}" for symbol, value in given.items())]
        if given
        else lines
    )
