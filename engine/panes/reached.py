"""The gradients that the cursor has reached, as tensors and norms."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from engine.lookup.values import Values
from engine.statistics import norm
from engine.tape.tape import Tape, Value


def parameter_gradient(values: Values, name: str) -> Tensor | None:
    """∂ℒ/∂θ of a parameter by the optimizer's name; None where the cursor has not reached it."""
    found = values.tape.versions.newest(f"d{name}", values.done) if values.tape else None
    return found[1] if found is not None else None


def pre_activation_gradient(values: Values, layer: int) -> Tensor | None:
    """dZ of a layer, where the cursor has reached it and the tape holds it."""
    return passed_gradient(values, f"Z[{layer}]")


def passed_gradient(values: Values, name: str) -> Tensor | None:
    """ℒ's gradient towards a value of the forward pass, where the cursor has reached it and the tape holds it."""
    value = values.tape.values.get(name) if values.tape else None
    reached = value is not None and 0 < value.gradient_event <= values.done
    return value.gradient if value is not None and reached else None


def passed_on(values: Values) -> dict[str, int]:
    """What a gradient passes on its way back, each with its layer: Z, and of a recurrent cell its states by time."""
    tape = values.tape
    return _passed_on(values, {}) if tape is None else tape.once("passed on", lambda: _passed_on(values, tape.values))


def _passed_on(values: Values, named: Mapping[str, Value]) -> dict[str, int]:
    found: dict[str, int] = {}
    for layer in values.naming.layers:
        symbols = values.naming.cells[layer.path][1].states if layer.path in values.naming.cells else ()
        own = [(name, value) for name, value in named.items() if value.layer == layer.index and name == value.name]
        states = [name for symbol in symbols for name, value in own if value.symbol == symbol]
        found |= dict.fromkeys(states if symbols else [f"Z[{layer.index}]"], layer.index)
    return found


def reached_gradients(values: Values) -> dict[str, Tensor]:
    """All that the cursor has reached, by name: "dW[1]", "dZ[1]"."""
    short = values.naming.short_name
    found = {f"d{short[name]}": parameter_gradient(values, name) for name in values.parameter_names()}
    found |= {f"dZ[{layer.index}]": pre_activation_gradient(values, layer.index) for layer in values.naming.layers}
    return {name: gradient for name, gradient in found.items() if gradient is not None}


def reached_gradient(values: Values, name: str) -> Tensor | None:
    """One of them; None where the cursor has not reached it, or it is none."""
    if name.removeprefix("d") in passed_on(values):
        return passed_gradient(values, name.removeprefix("d"))
    short = name.removeprefix("d")
    full = values.naming.full_name.get(short, short)
    return parameter_gradient(values, full) if values.naming.short_name.get(full) == short else None


def gradient_norm(tape: Tape, name: str, gradient: Tensor | None) -> float | None:
    """‖gradient‖, computed once for each tape; None where there is none."""
    return None if gradient is None else tape.once(f"‖{name}‖ at", lambda: norm(gradient))
