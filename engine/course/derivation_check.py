"""Hand-derived factors beside autograd's, and the first that is wrong (course §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.course.dense import Autograd, Criterion, size_text
from engine.course.derivations import Factor, Kind, Values
from engine.errors import ExpressionError

TOLERANCE = 1e-10  # norm-wise relative error that float64 keeps while |Z[L]| < 30


@dataclass(frozen=True)
class Comparison:
    """A factor beside autograd's value: factor.value ≈ conversion_value · autograd.

    `autograd` and `error` (norm-wise relative) are None where autograd has no such value; `why` then says so.
    """

    factor: Factor
    autograd: Tensor | None
    conversion: str  # "1", "N", "N·n_y" …
    conversion_value: float
    why: str
    error: float | None


@dataclass(frozen=True)
class Wrong:
    """The first factor that differs, how far it is off, and which later ones are wrong because of it."""

    name: str
    message: str
    error: float  # norm-wise relative; infinite where the shapes differ
    spoilt: tuple[str, ...]


def compare(factors: Sequence[Factor], autograd: Autograd) -> list[Comparison]:
    """Each factor beside autograd's value for the same batch, in the factors' order."""
    return [_comparison(factor, autograd) for factor in factors]


def first_wrong(factors: Sequence[Factor], name: str, replacement: Tensor | Callable[[Values], Tensor]) -> Wrong | None:
    """Which factor differs first, from output to input, when factor `name` (either spelling) is replaced.

    A callable gets X, Y, the forward pass, the weights and all factors before it, by their typed names. Later factors
    are computed from the replaced one. None where all agree. Raises ExpressionError where there is no such factor.
    """
    place = _place(factors, name)
    values = dict(factors[0].given) | {factor.ascii: factor.value for factor in factors[:place]}
    chosen = factors[place]
    given = replacement if isinstance(replacement, Tensor) else replacement(values)
    values[chosen.ascii] = given.detach().to(chosen.value)
    off = error_between(values[chosen.ascii], chosen.value)
    if off <= TOLERANCE:
        return None
    return Wrong(chosen.name, _difference(chosen, values[chosen.ascii], off), off, _spoilt(factors, place, values))


def error_between(value: Tensor, reference: Tensor) -> float:
    """‖value − reference‖/‖reference‖; 0 where both are zero, infinite where shapes differ or only one is zero."""
    if value.shape != reference.shape:
        return float("inf")
    distance, size = float((value - reference).norm()), float(reference.norm())
    if distance == 0:
        return 0.0
    return distance / size if size else float("inf")


def _comparison(factor: Factor, autograd: Autograd) -> Comparison:
    conversion, value, why = _conversion(factor.rule.kind, autograd)
    found = autograd.values.get(factor.ascii)
    if found is None:
        missing = f"none: CrossEntropyLoss is taken on Z[L], so {factor.name} is never computed"
        return Comparison(factor, None, conversion, value, missing, None)
    return Comparison(factor, found, conversion, value, why, error_between(factor.value, found * value))


def _conversion(kind: Kind, autograd: Autograd) -> tuple[str, float, str]:
    if kind is Kind.LOCAL:
        return "1", 1.0, "a derivative inside one layer: there is no mean in it"
    width, divisor, reason = _mean(autograd)
    scale = (autograd.n_outputs if width else 1) / divisor
    if kind is Kind.SIGNAL:
        text = "N·n_y" if width else "N"
        why = f"{reason}; the course's ∂_Z and ∂ℒ/∂A carry no 1/N"
        return _over(text, divisor), autograd.n_examples * scale, why
    return _over("n_y" if width else "1", divisor), scale, _parameter_reason(reason, scale)


def _mean(autograd: Autograd) -> tuple[bool, int, str]:
    """Whether torch's mean goes over the outputs too, what the square's missing ½ multiplies by, and both in words."""
    if autograd.criterion is Criterion.COURSE:
        return False, 1, "autograd's loss is the mean over the N examples"
    if autograd.loss == "cross-entropy":
        return False, 1, "CrossEntropyLoss is the mean over the N examples"
    if autograd.loss == "bce":
        return True, 1, "BCELoss is the mean over all N·n_y values"
    if autograd.loss == "half-mse":
        return True, 1, "half of MSELoss is a mean over all N·n_y values"
    return True, 2, "MSELoss is the mean over all N·n_y values, and has no ½ to cancel the 2 of the square"


def _parameter_reason(reason: str, scale: float) -> str:
    if scale == 1:
        return f"{reason}, and so is this: 1/N has entered"
    return f"{reason}; the course sums over the outputs, so the same η takes steps {scale:g} times autograd's"


def _over(text: str, divisor: int) -> str:
    return f"{text}/{divisor}" if divisor > 1 else text


def _place(factors: Sequence[Factor], name: str) -> int:
    for place, factor in enumerate(factors):
        if name in (factor.name, factor.ascii):
            return place
    known = ", ".join(factor.ascii for factor in factors)
    raise ExpressionError(f"there is no factor “{name}”", f"factors are {known}")


def _difference(factor: Factor, value: Tensor, error: float) -> str:
    if value.shape != factor.value.shape:
        return f"{factor.name} is {size_text(factor.value)}, yours is {size_text(value)}"
    return f"{factor.name} is off by {error:.2g} of its size"


def _spoilt(factors: Sequence[Factor], place: int, values: dict[str, Tensor]) -> tuple[str, ...]:
    changed, wrong = {factors[place].ascii}, []
    for factor in factors[place + 1 :]:
        values[factor.ascii] = factor.value
        if changed.isdisjoint(factor.rule.chain_operands):
            continue
        try:
            values[factor.ascii] = factor.rule.compute(values)
        except RuntimeError:  # the replaced factor's shape does not fit here
            wrong.append(factor.name)
            return tuple(wrong)
        if error_between(values[factor.ascii], factor.value) > TOLERANCE:
            changed.add(factor.ascii)
            wrong.append(factor.name)
    return tuple(wrong)
