"""A learner's formula against autograd, by value on random tensors; and if it is wrong, what is wrong with it.

All sizes differ, N too, so that a transposed factor cannot hide in a square.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor

from engine.course.backprop import example
from engine.course.dense import Criterion, Network, autograd
from engine.course.derivation_check import error_between
from engine.course.derivations import Factor, Kind, derive, symbol
from engine.course.findings import minus
from engine.course.formula_language import Evaluator, parse, plain
from engine.course.networks import Description, describe
from engine.errors import ExperimentError, ExpressionError

MEAN = "1/N"  # the factor that is in no matrix
_EQUAL = 1e-9
_N = 7
_PRIMES = (5, 3, 2, 11, 13, 17, 19, 23)
_NEURON = {
    "w": "W[1]",
    "b": "b[1]",
    "z": "Z[1]",
    "yhat": "A[1]",
    "a": "A[1]",
    "y": "Y",
    "dw": "dW[1]",
    "db": "db[1]",
    "dz": "dZ[1]",
}


class Judged(msgspec.Struct, frozen=True):
    """What is said of a formula: the verdict, one line why, and the first factor that is wrong ("" for none).

    `place` is where the live run computes that factor, as `goto` takes it; "" where it does not.
    """

    right: bool
    said: str
    first_wrong: str = ""
    place: str = ""


class Setting(NamedTuple):
    """Values to compute with, by the names that may be typed; what the target really is; the factors behind it."""

    given: dict[str, Tensor]
    target: str
    shown: str  # as the course writes it
    value: Tensor
    factors: list[Factor]
    evaluator: Evaluator


def judge(network: str, target: str, formula: str) -> Judged:
    """Whether a formula gives the target's value, and if not, why not.

    Raises ExpressionError where the formula does not read, uses what is not known here, or has shapes that do not fit;
    ExperimentError for an unknown network or target.
    """
    description = describe(network)
    tree = parse(_right_side(formula))
    verdict = Judged(True, "")
    for seed in (1, 2):  # a second draw, lest a coincidence pass
        verdict = _judge_once(_setting(description, target, seed), tree)
        if not verdict.right:
            return verdict
    return verdict


def _right_side(formula: str) -> str:
    """ "dZ[2] = A[2] - Y" is taken for "A[2] - Y"."""
    left, equals, right = formula.partition("=")
    return (
        right if equals and re.fullmatch(r"\s*[\w\[\].∂ℒ/_^′ŷŶ]+\s*", left) and not right.startswith("=") else formula
    )


def _setting(description: Description, target: str, seed: int) -> Setting:
    widths = [1 if width == 1 else _PRIMES[at % len(_PRIMES)] for at, width in enumerate(description.widths)]
    net, x, y = example(widths, _N, description.activation, description.output, description.loss, seed)
    factors = derive(net.weights, net.biases, x, y, net.activation, net.output, net.loss)
    name = _target_name(target, net)
    place = next((at for at, factor in enumerate(factors) if factor.ascii == name), None)
    forward = autograd(net, x, y, Criterion.COURSE)
    if place is None and name not in forward.values:
        raise ExperimentError(f"there is no “{target}” in this network", "for example dZ[1], dW[1], db[1], Z[1]")
    value = _value_of(factors, place, forward.values, name)
    given = _given(net, x, y, factors[:place] if place is not None else [], name)
    wanted = value.T if target in ("dw",) else value
    names = {size: f"n_{layer}" for layer, size in enumerate(widths) if size != 1} | {_N: "N"}
    shown = f"∂ℒ/∂{target[1]}" if target in ("dw", "db") else symbol(name)
    return Setting(given, name, shown, wanted, factors, Evaluator(given, names))


def _target_name(target: str, net: Network) -> str:
    name = plain(target)
    return _NEURON.get(name, name) if net.depth == 1 else name


def _value_of(factors: list[Factor], place: int | None, values: Mapping[str, Tensor], name: str) -> Tensor:
    """Autograd's value in the course's convention: ∂_Z and ∂ℒ/∂A without the 1/N that autograd's carry."""
    if place is None or name not in values:
        return values[name] if place is None else factors[place].value
    scale = _N if factors[place].rule.kind is Kind.SIGNAL else 1
    return values[name] * scale


def _given(net: Network, x: Tensor, y: Tensor, factors: list[Factor], target: str) -> dict[str, Tensor]:
    values = {"X": x, "Y": y, "N": torch.tensor(float(_N), dtype=torch.float64)}
    values["one"] = torch.ones(_N, 1, dtype=torch.float64)
    everything = autograd(net, x, y, Criterion.COURSE).values
    last = _layer(target) if target[:1] in "ZA" else net.depth
    for layer in range(net.depth + 1):
        if layer:
            values[f"W[{layer}]"], values[f"b[{layer}]"] = net.weights[layer - 1], net.biases[layer - 1]
        for symbol_ in "ZA":
            name = f"{symbol_}[{layer}]"
            if (
                name in everything
                and layer <= last
                and name != target
                and not (target == f"Z[{layer}]" and symbol_ == "A")
            ):
                values[name] = everything[name]
    if f"A[{net.depth}]" in values:
        values["Yhat"] = values[f"A[{net.depth}]"]
    values |= {factor.ascii: factor.value for factor in factors if "/" not in factor.ascii}
    if net.depth == 1:
        values |= {short: values[long] for short, long in _NEURON.items() if long in values}
        values["w"] = net.weights[0].T
    return values


def _layer(name: str) -> int:
    digits = re.search(r"\[(\d+)\]", name)
    return int(digits.group(1)) if digits else 0


def _judge_once(setting: Setting, tree: ast.expr) -> Judged:
    value = setting.evaluator.visit(tree)
    if _same(value, setting.value):
        said = f"right: on random numbers it is what the machine gives for {setting.shown}, {_shape(setting)}"
        return Judged(True, said)
    return Judged(False, *_diagnosis(setting, value))


def _shape(setting: Setting) -> str:
    return f"({setting.evaluator.shape(setting.value)})"


def _same(value: Tensor, wanted: Tensor) -> bool:
    if value.numel() == wanted.numel() == 1:  # a single neuron's ∂ℒ/∂b may be written as a number
        value, wanted = value.reshape(1), wanted.reshape(1)
    return value.shape == wanted.shape and error_between(value, wanted) < _EQUAL


class Mistake(NamedTuple):
    """A way to be wrong: what the wrong value would be, and what is said."""

    apply: Callable[[Tensor], Tensor]
    said: str
    factor: str = ""  # that is wrong, where it is not the target itself


def _diagnosis(setting: Setting, value: Tensor) -> tuple[str, str]:
    own = setting.shown
    slope = _slope_of(setting, setting.target)
    for mistake in _mistakes(slope):
        if _same(value, mistake.apply(setting.value)):
            return f"your {own} {mistake.said}", mistake.factor or own
    earlier = _wrong_before(setting, value)
    if earlier is not None:
        return earlier
    if value.shape != setting.value.shape:
        return f"your {own} is ({setting.evaluator.shape(value)}), it must be {_shape(setting)}", own
    return _somewhere(setting, value), own


def _slope_of(setting: Setting, name: str) -> Factor | None:
    """The activation's derivative that belongs to a factor of layer l."""
    layer = _layer(name)
    return next((f for f in setting.factors if f.ascii == f"dA[{layer}]/dZ[{layer}]" and f.value.dim() == 2), None)


def _mistakes(slope: Factor | None) -> Iterator[Mistake]:
    simple = (
        Mistake(lambda t: -t, "has the wrong sign"),
        Mistake(lambda t: t * _N, "lacks the 1/N: it is the sum over the batch, so the step would grow with N", MEAN),
        Mistake(lambda t: t / _N, "has a 1/N too many: the mean is taken once, in ∂ℒ/∂W and ∂ℒ/∂b", MEAN),
        Mistake(lambda t: 2 * t, "is twice too large: the ½ of half-MSE cancels the 2"),
        Mistake(lambda t: t / 2, "is half of what it should be: where does the ½ come from?"),
        Mistake(lambda t: -t * _N, "has the wrong sign, and lacks the 1/N"),
    )
    yield from simple
    yield Mistake(_turned, "is transposed: the gradient has the shape of what it belongs to")
    yield Mistake(lambda t: _turned(t) * _N, "is transposed, and lacks the 1/N")
    if slope is not None:
        yield Mistake(
            lambda t: _quotient(t, slope.value),
            f"is off by a factor {slope.formula}: the activation's slope is missing",
        )
        yield Mistake(lambda t: _product(t, slope.value), f"has the factor {slope.formula} once too often")
        yield Mistake(lambda t: -_quotient(t, slope.value), f"has the wrong sign, and lacks the factor {slope.formula}")


def _turned(value: Tensor) -> Tensor:
    return value.T if value.dim() == 2 else torch.full((), float("nan"))


def _quotient(value: Tensor, slope: Tensor) -> Tensor:
    """The value without its slope; where the slope is 0 nothing can be told, and nothing will be equal."""
    return value / slope if value.shape == slope.shape and bool((slope != 0).all()) else torch.full((), float("nan"))


def _product(value: Tensor, slope: Tensor) -> Tensor:
    return value * slope if value.shape == slope.shape else torch.full((), float("nan"))


def _wrong_before(setting: Setting, value: Tensor) -> tuple[str, str] | None:
    """The first factor on the way whose mistake, carried on, gives what the learner's formula gives."""
    place = next((at for at, factor in enumerate(setting.factors) if factor.ascii == setting.target), None)
    if place is None:
        return None
    before = list(enumerate(setting.factors[:place]))
    for at, factor in sorted(
        before, key=lambda pair: not pair[1].ascii.startswith("dZ")
    ):  # those a learner writes first
        for mistake in _mistakes(_slope_of(setting, factor.ascii) if factor.rule.kind is Kind.SIGNAL else None):
            carried = _carried(setting, at, mistake.apply(factor.value), place)
            if carried is not None and _same(value, carried):
                said = f"the first wrong factor is {factor.name}: it {mistake.said}; what you do with it is right"
                return said, factor.name
    for at, factor in before:
        if factor.rule.kind is Kind.LOCAL:
            carried = _carried(setting, at, torch.ones_like(factor.value), place)
            if carried is not None and _same(value, carried):
                owner = next(f for f in setting.factors[at:] if factor.ascii in f.rule.chain_operands)
                said = f"your {owner.name} is off by a factor {factor.formula}: {factor.name} is missing"
                return said, owner.name
    return None


def _carried(setting: Setting, at: int, value: Tensor, place: int) -> Tensor | None:
    """The target as it comes out when factor `at` has another value; None where the shapes no longer fit."""
    factors = setting.factors
    if value.shape != factors[at].value.shape:
        return None
    values = dict(factors[0].given) | {factor.ascii: factor.value for factor in factors}
    values[factors[at].ascii] = value
    changed = {factors[at].ascii}
    for factor in factors[at + 1 : place + 1]:
        if changed.isdisjoint(factor.rule.chain_operands):
            continue
        try:
            values[factor.ascii] = factor.rule.compute(values)
        except RuntimeError:
            return None
        changed.add(factor.ascii)
    found = values[setting.target]
    return found.T if found.dim() == 2 and found.shape != setting.value.shape else found


def _somewhere(setting: Setting, value: Tensor) -> str:
    """Nothing known fits: the place where it differs most, and by how much."""
    difference = (value - setting.value).abs()
    at = int(difference.argmax())
    wanted, given = (f"{float(each.reshape(-1)[at]):.4g}" for each in (setting.value, value))
    width = value.shape[-1] if value.dim() else 1
    where = f" in row {at // width + 1}, column {at % width + 1}" if value.dim() == 2 else ""
    differs = f"on random numbers{where} it is {minus(given)} and should be {minus(wanted)}"
    return f"your {setting.shown} has the right shape, but {differs}"


def refused(network: str, target: str, formula: str) -> Judged:
    """The same as `judge`, with what the language refuses as a verdict, too."""
    try:
        return judge(network, target, formula)
    except ExpressionError as error:
        return Judged(False, str(error))
