"""The 20-10-7-13 graph, one operation a line, and other ways to differentiate (course §5.4)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad, jvp

from engine.course.dense import size_text
from engine.course.derivation_check import error_between
from engine.course.findings import Cell, Finding, Table
from engine.course.progress import told

N, N0, N1, N2 = 20, 10, 7, 13


class Operation(NamedTuple):
    """One line of the program: what it makes, from what, and how."""

    makes: str
    text: str
    reads: tuple[str, ...]
    compute: Callable[..., Tensor]


PROGRAM = (
    Operation("temp1", "A0 @ W1ᵀ", ("A0", "W1"), lambda a, w: a @ w.T),
    Operation("Z1", "temp1 + b1", ("temp1", "b1"), torch.add),
    Operation("A1", "sigmoid(Z1)", ("Z1",), torch.sigmoid),
    Operation("temp2", "A1 @ W2ᵀ", ("A1", "W2"), lambda a, w: a @ w.T),
    Operation("Z2", "temp2 + b2", ("temp2", "b2"), torch.add),
    Operation("A2", "sigmoid(Z2)", ("Z2",), torch.sigmoid),
    Operation("temp3", "A2 − Y", ("A2", "Y"), torch.sub),
    Operation("temp4", "temp3²", ("temp3", "2"), torch.pow),
    Operation("loss", "mean(temp4)", ("temp4",), torch.mean),
)
LEARNT = ("W1", "b1", "W2", "b2")
SILENT = ("A0", "Y", "2")


def leaves() -> dict[str, Tensor]:
    """What the program starts from; W and b ask for gradients, A0, Y and the constant 2 do not."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"A0": (N, N0), "Y": (N, N2), "W1": (N1, N0), "b1": (N1,), "W2": (N2, N1), "b2": (N2,)}
    drawn = {name: torch.randn(*shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    drawn["2"] = torch.tensor(2.0, dtype=torch.float64)
    return drawn


def run(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """All values of the program."""
    values = dict(values)
    for line in PROGRAM:
        values[line.makes] = line.compute(*(values[name] for name in line.reads))
    return values


def gradients(values: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """All values, and ∂ℒ/∂ of all that a gradient reaches, by reverse mode."""
    values = {name: t.clone().requires_grad_(name in LEARNT) for name, t in values.items()}
    all_values = run(values)
    reached = {name: t for name, t in all_values.items() if t.requires_grad}
    found = torch.autograd.grad(all_values["loss"], list(reached.values()))
    return {name: t.detach() for name, t in all_values.items()}, dict(zip(reached, found, strict=True))


def graph(order: str) -> Finding:
    """The operations in forward order with their values, or in reverse with the gradients that arrive."""
    values, arrived = gradients(leaves())
    rows: list[list[Cell]] = []
    lines = PROGRAM if order == "forward" else PROGRAM[::-1]
    for number, line in enumerate(lines, 1):
        made = f"{line.makes} = {line.text}"
        if order == "forward":
            rows.append([number, made, size_text(values[line.makes]), float(values[line.makes].norm())])
        else:
            gives = ", ".join(f"d{name}" if name in arrived else f"{name} ╌" for name in line.reads)
            rows.append([number, f"d{line.makes} back through {line.text}", gives, float(arrived[line.makes].norm())])
    heads = ["#", "forward", "shape", "norm"] if order == "forward" else ["#", "backward", "gives", "norm arriving"]
    dz2 = 2 * values["temp3"] * values["A2"] * (1 - values["A2"]) / (N * N2)
    dz1 = dz2 @ values["W2"] * values["A1"] * (1 - values["A1"])
    by_hand = {
        "Z2": dz2,
        "Z1": dz1,
        "W2": dz2.T @ values["A1"],
        "b2": dz2.sum(0),
        "W1": dz1.T @ values["A0"],
        "b1": dz1.sum(0),
    }
    value = {
        "loss": float(values["loss"]),
        "operations": len(PROGRAM),
        "without_gradient": [name for name in SILENT if name not in arrived],
        "largest_error": max(error_between(hand, arrived[name]) for name, hand in by_hand.items()),
    }
    return Finding(value, Table(heads, rows))


def _loss_of(w2: Tensor, values: dict[str, Tensor]) -> Tensor:
    return run({**values, "W2": w2})["loss"]


def ways(h: float) -> Finding:
    """∂ℒ/∂W2 by reverse mode, forward mode, the rule by hand, and differences: error, and how often ℒ is computed."""
    values = leaves()
    w2 = values["W2"]
    reference = grad(_loss_of)(w2, values)
    methods: dict[str, tuple[Callable[[], Tensor], str]] = {
        "reverse mode": (lambda: grad(_loss_of)(w2, values), "1 forward + 1 backward"),
        "forward mode": (lambda: _forward_mode(w2, values), f"{w2.numel()} forward"),
        "symbolic": (lambda: _symbolic(values), "1 formula, derived once"),
        "numeric": (lambda: _differences(w2, values, h), f"{2 * w2.numel()} forward"),
    }
    rows: list[list[Cell]] = []
    value: dict[str, object] = {"weights": w2.numel()}
    for name in told(list(methods)):
        method, cost = methods[name]
        method()
        begun = perf_counter()
        found = method()
        took = perf_counter() - begun
        error = error_between(found, reference)
        rows.append([name, float(found[0, 0]), f"{error:.0e}", cost, f"{1e3 * took:.2f} ms"])
        value[f"error_{name.split()[0]}"] = error
    return Finding(value, Table(["method", "∂ℒ/∂w_1,1", "error", "cost", "time"], rows))


def _forward_mode(w2: Tensor, values: dict[str, Tensor]) -> Tensor:
    with warnings.catch_warnings():  # the first jvp loads torch's own use of torch.jit.script, which torch deprecates
        warnings.simplefilter("ignore", FutureWarning)
        return _column_by_column(w2, values)


def _column_by_column(w2: Tensor, values: dict[str, Tensor]) -> Tensor:
    found = torch.zeros_like(w2)
    for at in range(w2.numel()):
        direction = torch.zeros_like(w2)
        direction.view(-1)[at] = 1
        found.view(-1)[at] = jvp(lambda w: _loss_of(w, values), (w2,), (direction,))[1]
    return found


def _symbolic(values: dict[str, Tensor]) -> Tensor:
    """The rules of a table, put together by hand: mean, square, σ, product."""
    everything = run(values)
    a2 = everything["A2"]
    return (2 * everything["temp3"] * a2 * (1 - a2) / (N * N2)).T @ everything["A1"]


def _differences(w2: Tensor, values: dict[str, Tensor], h: float) -> Tensor:
    found = torch.zeros_like(w2)
    for at in range(w2.numel()):
        ends = []
        for sign in (1, -1):
            moved = w2.clone()
            moved.view(-1)[at] += sign * h
            ends.append(float(_loss_of(moved, values)))
        found.view(-1)[at] = (ends[0] - ends[1]) / (2 * h)
    return found


def step_sizes() -> Finding:
    """The error of (ℒ(w+h) − ℒ(w−h))/2h for ever smaller h: first better, then worse."""
    values = leaves()
    reference = grad(_loss_of)(values["W2"], values)
    rows: list[list[Cell]] = []
    errors = {}
    for power in told(range(1, 13)):
        errors[power] = error_between(_differences(values["W2"], values, 10.0**-power), reference)
        rows.append([f"1e-{power}", f"{errors[power]:.0e}"])
    best = min(errors, key=lambda power: errors[power])
    return Finding({"best_power": best, "best_error": errors[best]}, Table(["h", "error"], rows))


def check(broken: str) -> Finding:
    """A gradient check: every parameter against differences. `broken` drops A2 ∗ (1 − A2) from ∂_Z[2]."""
    values, arrived = gradients(leaves())
    if broken == "yes":
        dz2 = 2 * values["temp3"] / (N * N2)
        arrived = {**arrived, "W2": dz2.T @ values["A1"], "b2": dz2.sum(0)}
    for name in LEARNT:
        failure = _first_difference(name, arrived[name], values)
        if failure:
            return Finding({"passes": False, **failure}, note=_failure_text(failure))
    return Finding({"passes": True}, note="every gradient agrees with its difference quotient to 1e-5")


def _first_difference(name: str, given: Tensor, values: dict[str, Tensor], h: float = 1e-6) -> dict[str, object]:
    parameter = values[name]
    for at in range(parameter.numel()):
        ends = []
        for sign in (1, -1):
            moved = parameter.clone()
            moved.view(-1)[at] += sign * h
            ends.append(float(run({**values, name: moved})["loss"]))
        numeric, own = (ends[0] - ends[1]) / (2 * h), float(given.reshape(-1)[at])
        if abs(numeric - own) > 1e-5 * max(abs(numeric), abs(own), 1e-3):
            width = parameter.shape[-1]
            index = [at // width + 1, at % width + 1] if parameter.dim() == 2 else [at + 1]
            return {"parameter": name, "index": index, "by_backward": own, "by_differences": numeric}
    return {}


def _failure_text(failure: dict[str, object]) -> str:
    index = failure["index"]
    assert isinstance(index, list)
    where = ",".join(map(str, index))
    own, numeric = failure["by_backward"], failure["by_differences"]
    return f"{failure['parameter']}[{where}]: backward says {own:.6g}, differences say {numeric:.6g}"


def rules() -> Finding:
    """A symbolic differentiator's table, each rule checked by differences at x = 0.7."""
    table: dict[str, tuple[str, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
        "x²": ("2x", lambda x: x * x, lambda x: 2 * x),
        "eˣ": ("eˣ", torch.exp, torch.exp),
        "log x": ("1/x", torch.log, lambda x: 1 / x),
        "1/x": ("−1/x²", lambda x: 1 / x, lambda x: -1 / x**2),
        "σ(x)": ("σ(x)(1 − σ(x))", torch.sigmoid, lambda x: torch.sigmoid(x) * (1 - torch.sigmoid(x))),
        "tanh x": ("1 − tanh²x", torch.tanh, lambda x: 1 - torch.tanh(x) ** 2),
        "log(1 + eˣ)": ("σ(x)", torch.nn.functional.softplus, torch.sigmoid),
    }
    x, h = torch.tensor(0.7, dtype=torch.float64), 1e-5
    rows: list[list[Cell]] = []
    largest = 0.0
    for name, (rule, function, derivative) in table.items():
        numeric = float((function(x + h) - function(x - h)) / (2 * h))
        largest = max(largest, abs(numeric - float(derivative(x))))
        rows.append([name, rule, float(derivative(x)), numeric])
    return Finding({"largest_difference": largest}, Table(["function", "rule", "at 0.7", "by differences"], rows))
