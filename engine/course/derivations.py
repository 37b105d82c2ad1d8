"""The course's hand-derived gradients, factor by factor, from ∂ℒ/∂A[L] back to ∂ℒ/∂b[1] (course §5.2).

By the course's convention ∂ℒ/∂A[l] and ∂_Z[l] are those of each example's own loss and carry no 1/N; it enters once, in
∂ℒ/∂W[l] = (1/N)·∂_Z[l]ᵀ·A[l−1] and ∂ℒ/∂b[l] = mean₀(∂_Z[l]). Squared losses are derived as half-MSE.
Nothing here is differentiated by torch: `derivation_check.py` sets autograd's values beside these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from engine.course.dense import LEAKY_SLOPE, Network, forward, network

Values = Mapping[str, Tensor]


class Kind(StrEnum):
    """What a factor is a derivative of, which says whether a 1/N belongs to it."""

    SIGNAL = "signal"
    """Of each example's loss: ∂ℒ/∂A[l] and ∂_Z[l], without 1/N."""
    LOCAL = "local"
    """Of one layer's values by its own inputs; no loss in it."""
    PARAMETER = "parameter"
    """Of the batch's loss by a parameter; 1/N has entered."""


@dataclass(frozen=True)
class Operand:
    """A value that a factor's formula uses."""

    name: str
    ascii: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Rule:
    """How one factor comes about, before there are numbers.

    `formula` is the form in elementary values, `chain` the product of earlier factors that it shortens ("" where they
    are the same); `compute` follows the chain, so that a change in an earlier factor reaches this one, and `direct` the
    formula, where that is exact and the chain would divide by nearly zero.
    """

    name: str
    ascii: str
    kind: Kind
    formula: str
    ascii_formula: str
    operands: tuple[str, ...]  # of the formula, by their ASCII names
    why: str
    compute: Callable[[Values], Tensor]
    chain_operands: tuple[str, ...] = ()
    chain: str = ""
    ascii_chain: str = ""
    direct: Callable[[Values], Tensor] | None = None


@dataclass(frozen=True)
class Factor:
    """One factor of a derivation with its value, float64; formulas have an ASCII twin in the formula language."""

    rule: Rule
    shape: tuple[int, ...]
    operands: tuple[Operand, ...]
    value: Tensor
    given: Values  # X, Y and the forward pass: what every factor may use

    @property
    def name(self) -> str:
        """As the course writes it: "∂_Z[2]"."""
        return self.rule.name

    @property
    def ascii(self) -> str:
        """As it is typed: "dZ[2]"."""
        return self.rule.ascii

    @property
    def formula(self) -> str:
        """In elementary values: "A[2] − Y"."""
        return self.rule.formula

    @property
    def ascii_formula(self) -> str:
        """As it is typed: "A[2] - Y"."""
        return self.rule.ascii_formula

    @property
    def why(self) -> str:
        """Where it comes from, in one line."""
        return self.rule.why


@dataclass(frozen=True)
class _Slope:
    """The derivative of an activation, written with its own output."""

    formula: str
    why: str
    compute: Callable[[Tensor, Tensor], Tensor]  # of Z and A
    uses: str  # "Z" or "A"


_SLOPES = {
    "sigmoid": _Slope("A[{l}] ∗ (1 − A[{l}])", "σ′ = σ(1 − σ), and A[{l}] = σ(Z[{l}])", lambda Z, A: A * (1 - A), "A"),
    "tanh": _Slope("1 − A[{l}] ∗ A[{l}]", "tanh′ = 1 − tanh², and A[{l}] = tanh(Z[{l}])", lambda Z, A: 1 - A * A, "A"),
    "relu": _Slope(
        "(Z[{l}] > 0)", "ReLU lets a value pass or stops it: slope 1 above 0, else 0", lambda Z, A: (Z > 0).to(Z), "Z"
    ),
    "leaky-relu": _Slope(
        f"(Z[{{l}}] > 0) + {LEAKY_SLOPE} ∗ (Z[{{l}}] <= 0)",
        f"slope 1 above 0, else the leak {LEAKY_SLOPE}",
        lambda Z, A: (Z > 0).to(Z) + LEAKY_SLOPE * (Z <= 0).to(Z),  # a bool times 0.01 would be float32
        "Z",
    ),
    "linear": _Slope("1 + 0 ∗ Z[{l}]", "A[{l}] is Z[{l}] itself: slope 1", lambda Z, A: torch.ones_like(Z), "Z"),
}


def derive(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    X: Tensor,
    Y: Tensor,
    activation: str,
    output: str,
    loss: str,
) -> list[Factor]:
    """The factors in order of computation, for X (N × n_x) and Y (N × n_y); everything is taken to float64.

    Raises ExperimentError naming the shape, activation, or pair of output and loss that does not fit.
    """
    net = network(weights, biases, activation, output, loss)
    X, Y = X.detach().to(torch.float64), Y.detach().to(torch.float64)
    given = {"X": X, "Y": Y, **forward(net, X)}
    given |= {f"W[{l}]": W for l, W in enumerate(net.weights, 1)}
    values, factors = dict(given), []
    for rule in rules(net):
        values[rule.ascii] = (rule.direct or rule.compute)(values)
        factors.append(_factor(rule, values, given))
    return factors


def rules(net: Network) -> list[Rule]:
    """The rules of all factors, from the output back to the first layer."""
    found = [_loss_by_output(net)]
    for l in range(net.depth, 0, -1):
        softmax = l == net.depth and net.output == "softmax"
        found.append(_softmax_jacobian(l) if softmax else _slope(net, l))
        found.append(_output_signal(net) if l == net.depth else _hidden_signal(net, l))
        found += [_by_weight(l), _weight_gradient(l), _by_bias(l), _bias_gradient(l)]
        if l > 1:
            found += [_by_activation(l), _passed_back(l)]
    return found


def symbol(ascii_name: str) -> str:
    """A typed name as the course writes it: dZ[2] → ∂_Z[2], dW[2] → ∂ℒ/∂W[2], dA[1]/dZ[1] → ∂A[1]/∂Z[1]."""
    if "/" in ascii_name:
        return ascii_name.replace("d", "∂")
    if ascii_name.startswith("dZ["):
        return f"∂_{ascii_name[1:]}"
    return f"∂ℒ/∂{ascii_name[1:]}" if ascii_name.startswith("d") else ascii_name


def typed(formula: str) -> str:
    """A formula's ASCII twin."""
    plain = formula.replace("(1/N)·", "1/N * ").replace("mean₀", "mean0").replace("∂ℒ/∂", "d").replace("∂_", "d")
    for sign, twin in {"∂": "d", "∗": "*", "−": "-", "·": " @ ", "ᵀ": ".T", "Σ": "sum"}.items():
        plain = plain.replace(sign, twin)
    return plain


def _factor(rule: Rule, values: Values, given: Values) -> Factor:
    value = values[rule.ascii]
    operands = tuple(Operand(symbol(name), name, tuple(values[name].shape)) for name in rule.operands)
    return Factor(rule, tuple(value.shape), operands, value, given)


def _rule(
    ascii_name: str, kind: Kind, formula: str, operands: tuple[str, ...], why: str, compute: Callable[[Values], Tensor]
) -> Rule:
    return Rule(symbol(ascii_name), ascii_name, kind, formula, typed(formula), operands, why, compute, operands)


def _chained(
    rule: Rule, chain: str, operands: tuple[str, ...], direct: Callable[[Values], Tensor] | None = None
) -> Rule:
    """The same rule, with the product of earlier factors that its formula shortens."""
    return Rule(
        rule.name,
        rule.ascii,
        rule.kind,
        rule.formula,
        rule.ascii_formula,
        rule.operands,
        rule.why,
        rule.compute,
        operands,
        chain,
        typed(chain),
        direct,
    )


def _loss_by_output(net: Network) -> Rule:
    A = f"A[{net.depth}]"
    formula, why, compute = {
        "bce": (
            f"(1 − Y)/(1 − {A}) − Y/{A}",
            "the derivative of −(Y ∗ log A + (1 − Y) ∗ log(1 − A)), each example's own loss: no 1/N yet",
            lambda v: (1 - v["Y"]) / (1 - v[A]) - v["Y"] / v[A],
        ),
        "cross-entropy": (
            f"−Y/{A}",
            "the derivative of −Σ_j Y ∗ log A, each example's own loss: no 1/N yet",
            lambda v: -v["Y"] / v[A],
        ),
    }.get(
        net.loss,
        (
            f"{A} − Y",
            "the derivative of ½(A − Y)²: the ½ cancels the 2; each example's own loss: no 1/N yet",
            lambda v: v[A] - v["Y"],
        ),
    )
    return _rule(f"d{A}", Kind.SIGNAL, formula, (A, "Y"), why, compute)


def _slope(net: Network, l: int) -> Rule:
    row = _SLOPES[net.output if l == net.depth else net.activation]
    Z, A = f"Z[{l}]", f"A[{l}]"
    return _rule(
        f"d{A}/d{Z}",
        Kind.LOCAL,
        row.formula.format(l=l),
        (f"{row.uses}[{l}]",),
        row.why.format(l=l),
        lambda v: row.compute(v[Z], v[A]),
    )


def _softmax_jacobian(l: int) -> Rule:
    A = f"A[{l}]"
    return _rule(
        f"d{A}/dZ[{l}]",
        Kind.LOCAL,
        f"diag({A}) − {A}ᵀ·{A}, for each example",
        (A,),
        "each softmax output depends on every z of its example: an n_y × n_y block for each",
        lambda v: torch.diag_embed(v[A]) - v[A].unsqueeze(2) * v[A].unsqueeze(1),
    )


def _output_signal(net: Network) -> Rule:
    l, softmax = net.depth, net.output == "softmax"
    A, slope = f"A[{l}]", f"dA[{l}]/dZ[{l}]"
    local, sign = symbol(slope), "·" if softmax else "∗"
    cancels = net.loss in ("bce", "cross-entropy")
    rule = _rule(
        f"dZ[{l}]",
        Kind.SIGNAL,
        f"{A} − Y" if cancels else _times_slope(f"({A} − Y)", net.output, l),
        (A, "Y"),
        _why_short(net) if cancels else f"chain rule: the loss by {A}, times {A} by Z[{l}], element by element",
        (lambda v: torch.einsum("nj,njk->nk", v[f"d{A}"], v[slope])) if softmax else (lambda v: v[f"d{A}"] * v[slope]),
    )
    direct = (lambda v: v[A] - v["Y"]) if cancels else None
    return _chained(rule, f"∂ℒ/∂{A} {sign} {local}", (f"d{A}", slope), direct)


def _why_short(net: Network) -> str:
    if net.output == "softmax":
        return "chain rule; each row of Y sums to 1, and all but A − Y cancels"
    return "chain rule; the slope A ∗ (1 − A) cancels the loss's denominators"


def _hidden_signal(net: Network, l: int) -> Rule:
    gradient, slope = f"dA[{l}]", f"dA[{l}]/dZ[{l}]"
    uses = _SLOPES[net.activation].uses
    rule = _rule(
        f"dZ[{l}]",
        Kind.SIGNAL,
        _times_slope(f"(∂_Z[{l + 1}]·W[{l + 1}])", net.activation, l),
        (f"dZ[{l + 1}]", f"W[{l + 1}]", f"{uses}[{l}]"),
        f"chain rule: what comes back to A[{l}], times the slope of its activation, element by element",
        lambda v: v[gradient] * v[slope],
    )
    return _chained(rule, f"∂ℒ/∂A[{l}] ∗ {symbol(slope)}", (gradient, slope))


def _times_slope(signal: str, activation: str, l: int) -> str:
    slope = _SLOPES[activation].formula.format(l=l)
    return f"{signal} ∗ {slope}" if activation in ("sigmoid", "relu") else f"{signal} ∗ ({slope})"


def _by_weight(l: int) -> Rule:
    A = f"A[{l - 1}]"
    why = f"z_j = Σ_k a_k·w_jk + b_j: by w_jk it is a_k of layer {l - 1}, the same for each neuron j"
    return _rule(f"dZ[{l}]/dW[{l}]", Kind.LOCAL, A, (A,), why, lambda v: v[A])


def _weight_gradient(l: int) -> Rule:
    signal, local, A = f"dZ[{l}]", f"dZ[{l}]/dW[{l}]", f"A[{l - 1}]"
    rule = _rule(
        f"dW[{l}]",
        Kind.PARAMETER,
        f"(1/N)·∂_Z[{l}]ᵀ·{A}",
        (signal, A),
        "the product sums over the N examples; 1/N makes it their mean, and enters here only",
        lambda v: v[signal].T @ v[local] / len(v["Y"]),
    )
    return _chained(rule, f"(1/N)·∂_Z[{l}]ᵀ·{symbol(local)}", (signal, local))


def _by_bias(l: int) -> Rule:
    why = "b_j is added as it is, to each example"
    return _rule(f"dZ[{l}]/db[{l}]", Kind.LOCAL, "1", (), why, lambda v: torch.ones(len(v["Y"]), dtype=torch.float64))


def _bias_gradient(l: int) -> Rule:
    signal, local = f"dZ[{l}]", f"dZ[{l}]/db[{l}]"
    rule = _rule(
        f"db[{l}]",
        Kind.PARAMETER,
        f"mean₀(∂_Z[{l}])",
        (signal,),
        "b_j reaches every example's z_j with slope 1: the mean over the examples, 1/N with it",
        lambda v: v[signal].T @ v[local] / len(v["Y"]),
    )
    return _chained(rule, f"(1/N)·∂_Z[{l}]ᵀ·{symbol(local)}", (signal, local))


def _by_activation(l: int) -> Rule:
    W = f"W[{l}]"
    why = f"z_j = Σ_k a_k·w_jk + b_j: by a_k it is w_jk of layer {l}, the same for each example"
    return _rule(f"dZ[{l}]/dA[{l - 1}]", Kind.LOCAL, W, (W,), why, lambda v: v[W])


def _passed_back(l: int) -> Rule:
    signal, local = f"dZ[{l}]", f"dZ[{l}]/dA[{l - 1}]"
    rule = _rule(
        f"dA[{l - 1}]",
        Kind.SIGNAL,
        f"∂_Z[{l}]·W[{l}]",
        (signal, f"W[{l}]"),
        f"a_k feeds every neuron of layer {l}: what each sends back, weighted by w_jk, is summed",
        lambda v: v[signal] @ v[local],
    )
    return _chained(rule, f"∂_Z[{l}]·{symbol(local)}", (signal, local))
