"""The functions of the expression language, one table row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine import statistics
from engine.errors import ExpressionError, NotComputedYetError
from engine.experiments.optimizers import spec_of
from engine.lookup.everywhere import anything_bad
from engine.lookup.names import Ref
from engine.lookup.values import Values


@dataclass(frozen=True)
class Function:
    """A function of one value. `on_name` ones get the name itself, not what it stands for; `everywhere` allows f(*)."""

    compute: Callable[..., Any]
    summary: str
    on_name: bool = False
    everywhere: bool = False


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _floating(value: Any) -> Tensor:
    tensor = _tensor(value)
    return tensor if tensor.is_floating_point() else tensor.float()


def _elementwise(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    return lambda value: function(_floating(value))


def _number(function: Callable[[Tensor], Tensor | float]) -> Callable[[Any], float]:
    return lambda value: float(function(_floating(value)))


def _parameter(values: Values, ref: Ref, function: str) -> str:
    name = values.parameter_name(ref)
    if name is None or ref.is_gradient:
        raise ExpressionError(f"{function}({ref.name}) needs a parameter", f"for example {function}(W[1])")
    return name


def _ratio(values: Values, ref: Ref) -> float:
    return statistics.update_ratio(*values.change(_parameter(values, ref, "ratio")))


def _delta(values: Values, ref: Ref) -> Tensor:
    old, new = values.change(_parameter(values, ref, "delta"))
    return new - old


def _gradient(values: Values, ref: Ref) -> Tensor:
    return values.get(Ref(f"d{ref.name}", ref.name))


def _dead(value: Any) -> float:
    """The fraction of neurons (columns) that are zero for every example of the batch."""
    return statistics.dead(_tensor(value))


def _saturated(values: Values, ref: Ref) -> float:
    """The fraction of sigmoid or tanh outputs within 0.05 of a limit."""
    tensor, made = values.get(ref), values.value(ref)
    op = "" if made is None or made.event is None else made.event.op.name
    if op not in statistics.LIMITS:
        raise ExpressionError(
            f"{ref.name} is made by {op or 'no operation'}, which has no limits to saturate at",
            "saturated takes the output of a sigmoid or tanh; for relu see dead",
        )
    return statistics.saturated(tensor, op)


def _optimizer_symbol(values: Values, symbol: str, full_name: str) -> Tensor | None:
    """What the optimizer keeps for a parameter under a symbol ("m", "v", …); None if there is no such."""
    place = values.optimizer_of(full_name)
    spec = None if place is None else spec_of(values.optimizers[place[0]])
    if place is None:
        return None
    for key, item in values.optimizer_states()[place[0]].get(place[1], {}).items():
        names = (key,) if spec is None else (key, *spec.symbols.get(key, ()))
        if symbol in names and item is not None:
            return item if isinstance(item, Tensor) else torch.tensor(float(item))
    return None


def state_function(symbol: str) -> Function:
    """The function that shows the optimizer's state of that symbol for a parameter: m(W[1])."""

    def compute(values: Values, ref: Ref) -> Tensor:
        name = _parameter(values, ref, symbol)
        found = _optimizer_symbol(values, symbol, name)
        if found is None:
            error = ExpressionError if any(values.optimizer_states().values()) else NotComputedYetError
            raise error(
                f"the optimizer keeps no {symbol} for {ref.name}",
                "it is made by the first update, if at all; see names",
            )
        return found

    return Function(compute, f"the optimizer's {symbol} of a parameter", on_name=True)


FUNCTIONS: dict[str, Function] = {
    "norm": Function(_number(statistics.norm), "Euclidean norm over all elements"),
    "sum": Function(_number(statistics.total), "sum over all elements"),
    "mean": Function(_number(statistics.mean), "mean over all elements, NaN too"),
    "std": Function(_number(statistics.deviation), "standard deviation over all n elements, ÷ n"),
    "min": Function(_number(torch.min), "least element"),
    "max": Function(_number(torch.max), "greatest element"),
    "zeros": Function(lambda v: statistics.statistics("", _floating(v)).zeros, "fraction of exact zeros"),
    "nan": Function(lambda v: statistics.is_bad(_floating(v)), "whether NaN or an infinity is in it", everywhere=True),
    "dead": Function(_dead, "fraction of neurons that are zero for the whole batch"),
    "saturated": Function(_saturated, "fraction of a sigmoid's or tanh's outputs within 0.05 of a limit", on_name=True),
    "abs": Function(_elementwise(torch.abs), "absolute values"),
    "exp": Function(_elementwise(torch.exp), "eˣ of each element"),
    "log": Function(_elementwise(torch.log), "natural logarithm of each element"),
    "sqrt": Function(_elementwise(torch.sqrt), "square root of each element"),
    "sigmoid": Function(_elementwise(torch.sigmoid), "1/(1 + e⁻ˣ) of each element"),
    "tanh": Function(_elementwise(torch.tanh), "hyperbolic tangent of each element"),
    "relu": Function(_elementwise(torch.relu), "max(0, x) of each element"),
    "softmax": Function(_elementwise(lambda t: torch.softmax(t, -1)), "softmax over the last dimension"),
    "argmax": Function(lambda v: _floating(v).argmax(-1) + 1, "place of the greatest element of each row, from 1"),
    "shape": Function(lambda v: torch.tensor(_tensor(v).shape), "sizes"),
    "ratio": Function(_ratio, "‖Δθ‖/‖θ‖ of a parameter's update", on_name=True),
    "delta": Function(_delta, "new − old of a parameter's update", on_name=True),
    "changed": Function(lambda v: False, "whether parameters in it differ from before this batch"),
    "grad": Function(_gradient, "ℒ's gradient towards a value", on_name=True),
}


def everywhere(name: str, values: Values) -> bool:
    """f(*): whether it holds of any tensor of the batch. Raises ExpressionError but for nan."""
    if name != "nan":
        raise ExpressionError(
            f"{name}(*) is not known", "only nan(*) looks everywhere; name a value: " + f"{name}(W[1])"
        )
    return anything_bad(values)
