"""One addressed value of an event, worked out with its numbers: z₃[1](17) = Σₖ … = 0.214 (course §5.1).

Neurons and examples count from 1; the number in round brackets is the example's place in the data set, or its row in
the batch where that is not known.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.experiments.optimizers import spec_of
from engine.lookup.moment import Moment
from engine.panes.between import between_numbers
from engine.protocol.positions import Phase
from engine.statistics import plain
from engine.tape.tape import Event, Tape, Value

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def worked(moment: Moment, tape: Tape, event: Event, picked: tuple[int, int]) -> list[str]:
    """Lines of one value worked out; none for events whose arithmetic has no short form."""
    if event.phase is Phase.LOAD:
        return _loaded(tape.indices, moment.description.seed)
    if event.phase is Phase.UPDATE:
        return _update(moment, tape, event)
    if event.phase is Phase.BETWEEN and event.changed:
        return between_numbers(tape, event)
    row, neuron = picked
    if event.phase is Phase.BACKWARD:
        return _backward(tape, event, row, neuron)
    return _forward(tape, event, row, neuron)


def _loaded(indices: list[int], seed: int) -> list[str]:
    """Which examples of the data set were loaded, where that is known."""
    if not indices:
        return []
    shown = ", ".join(str(index) for index in indices[:3]) + (f" … {indices[-1]}" if len(indices) > 3 else "")
    return [f"rows {shown} of the data set", f"{len(indices)} examples, shuffled with seed {seed}"]


def subscript(number: int) -> str:
    """3 → ₃"""
    return str(number).translate(_SUBSCRIPTS)


def number(value: float | complex) -> str:
    """A number with four significant digits."""
    if isinstance(value, complex):
        return f"{number(value.real)} {'−' if value.imag < 0 else '+'} {number(abs(value.imag))}i"
    text = f"{float(value):.4g}"
    return text.replace("-", "−") if "e" not in text else f"{float(value):.2e}".replace("-", "−")


def _address(value: Value, tape: Tape, row: int, neuron: int) -> str:
    symbol, _, rest = value.name.partition("[")
    place = tape.indices[row - 1] if row <= len(tape.indices) else row
    return f"{symbol.lower()}{subscript(neuron)}[{rest}({place})"


def _element(tensor: Tensor | None, row: int, neuron: int) -> float | None:
    if tensor is None or tensor.is_complex() or tensor.dim() != 2 or row > tensor.shape[0] or neuron > tensor.shape[1]:
        return None
    return float(tensor[row - 1, neuron - 1])


def _forward(tape: Tape, event: Event, row: int, neuron: int) -> list[str]:
    out = event.outputs[0] if event.outputs else None
    if out is not None and out.symbol == "L" and out.tensor is not None:
        return [f"{out.name} = {number(float(out.tensor))}{_mean_over(tape, event)}"]
    result = _element(out.tensor, row, neuron) if out is not None else None
    if out is None or result is None or "[" not in out.name:
        return []
    address = _address(out, tape, row, neuron)
    if event.op.name == "linear":
        return _linear(tape, event, row, neuron, address, result)
    given = _element(event.inputs[0].tensor, row, neuron)
    if given is None:
        return []
    shown = event.op.forward.partition(" = ")[2].replace("{0}", number(given)).replace("{out}", number(result))
    return [f"{address} = {shown} = {number(result)}"] if "{" not in shown and "Σ" not in shown else []


def _mean_over(tape: Tape, event: Event) -> str:
    targets = tape.targets
    if targets is None or targets.dim() == 0:
        return ""
    given = [value.shape for value in event.inputs[:2]]
    each = math.prod(given[0][1:]) if given[1:] == given[:1] else 1  # outputs, each compared with a target of its own
    outputs = f"{each} outputs for each of " if each > 1 else ""
    return f", the mean over {outputs}{len(targets)} examples"


def _linear(tape: Tape, event: Event, row: int, neuron: int, address: str, result: float) -> list[str]:
    bias = tape.before.tensors.get(event.inputs[0].parameter)
    if bias is None or not event.inputs[1].name.startswith("A["):
        return []
    layer, j = event.layer, subscript(neuron)
    before = event.inputs[1].name.removeprefix("A")
    b = float(bias[neuron - 1])
    terms = f"Σₖ aₖ{before}·w{j}ₖ[{layer}] + b{j}[{layer}]"
    return [f"{address} = {terms}", f"  = {number(result - b)} + {number(b)} = {number(result)}"]


def _backward(tape: Tape, event: Event, row: int, neuron: int) -> list[str]:
    twin = event.twin
    if twin is None or not event.gradients_out:
        return []
    if twin.op.name == "linear":
        return _linear_gradient(tape, event, neuron)
    target, gradient = event.gradients_out[0]
    result = _element(gradient, row, neuron)
    given, came = _element(twin.inputs[0].tensor, row, neuron), _element(event.gradients_in[0], row, neuron)
    out = _element(twin.outputs[0].tensor, row, neuron)
    if target is None or "[" not in target.name or target.name.startswith("out") or None in (result, given, came, out):
        return []
    rule = dict(twin.op.backward).get(0, "").partition(" = ")[2]
    filled = {"{dout}": came, "{0}": given, "{out}": out}
    for slot, value in filled.items():
        rule = rule.replace(slot, number(value or 0.0))
    return [f"d{_address(target, tape, row, neuron)} = {rule} = {number(result or 0.0)}"] if "{" not in rule else []


def _linear_gradient(tape: Tape, event: Event, neuron: int) -> list[str]:
    bias = event.inputs[0] if event.inputs else None
    found = tape.gradient(_bias_name(event))
    if bias is None or found is None or found[0].dim() != 1:
        return []
    layer, j = event.layer, subscript(neuron)
    return [f"db{j}[{layer}] = Σᵢ dz{j}[{layer}](i) = {number(float(found[0][neuron - 1]))}"]


def _bias_name(event: Event) -> str:
    return event.twin.inputs[0].parameter if event.twin and event.twin.inputs else ""


def _update(moment: Moment, tape: Tape, event: Event) -> list[str]:
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
    key, spec = (event.optimizer, event.parameter), spec_of(tape.before.optimizers[event.optimizer].of)
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
