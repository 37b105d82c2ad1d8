"""How one element of a parameter came to be updated: old and new, its gradient, the group's settings, the state."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.experiments.optimizers import spec_for
from engine.statistics import plain
from engine.tape.rules.numbers import number
from engine.tape.tape import Event, Tape


def update_numbers(tape: Tape, event: Event) -> list[str]:
    """At the element where the gradient is largest."""
    name = event.parameter
    before = tape.versions.before(name, event.number)
    old, new = before.reshape(-1), tape.versions.get(name, event.number).reshape(-1)
    gradients = tape.versions.newest(f"d{name}", event.number)
    gradient = _dense(gradients[1]).reshape(-1) if gradients is not None else None
    place = _busiest(gradient) if gradient is not None else 0
    rate = float(event.settings.get("lr", 0.0))
    lines = [f"at element {_place(before, place)}, where |gradient| is largest:"]
    was, now = old[place].item(), new[place].item()
    lines.append(f"  old {number(was)} → new {number(now)}   Δ {number(now - was)}")
    if gradient is not None:
        decay = event.settings.get("weight_decay") or 0.0
        lines.append(f"  g {number(gradient[place].item())}   η {number(rate)}" + (f"   λ {decay:g}" if decay else ""))
    state = _state_lines(tape, event, place, old.numel())
    return [*lines, *state]


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
    key, spec = (
        (event.optimizer, event.parameter),
        spec_for(type(tape.before.optimizers[event.optimizer].of), event.settings),
    )
    before, after = tape.versions.before(key, event.number), tape.versions.get(key, event.number)
    lines = []
    for key, item in after.items():
        if not isinstance(item, Tensor) or item.numel() not in (1, size):
            continue
        symbol = spec.symbols[key].unicode if spec is not None and key in spec.symbols else key
        old = before.get(key)
        was = "0" if not isinstance(old, Tensor) else number(old.reshape(-1)[place if old.numel() > 1 else 0].item())
        now = number(item.reshape(-1)[place if item.numel() > 1 else 0].item())
        lines.append(f"  {symbol} {was} → {now}")
    return lines
