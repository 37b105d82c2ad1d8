"""What is wrong with a layer, as badges: one table of measures and limits.

A new badge is a row of CHECKS, which stand with causes before their effects. Only what the cursor has reached is
judged, and only what the tape still holds: a badge is no reason to record a batch anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from engine.lookup.values import Values
from engine.protocol.views import Badge, Layer
from engine.statistics import LIMITS, MARGIN, dead, saturated
from engine.tape.naming import LayerInfo
from engine.tape.tape import Tape, Value

LEAST_EXAMPLES = 16  # a healthy neuron may well be zero for every example of a small batch
_LOG_LOSSES = ("bce", "bce-logits", "cross-entropy")


@dataclass(frozen=True)
class Subject:
    """A layer at the cursor."""

    info: LayerInfo
    view: Layer  # with the statistics of what is reached
    last: int  # the number of the last layer
    last_gradient: float | None  # ‖dZ‖ of the last layer
    values: Values


class Finding(NamedTuple):
    """A measure's outcome: its value, how it reads on a badge, and in a sentence."""

    value: float
    short: str
    sentence: str
    called: str = ""  # on the badge, where not by the check's name


class Check(NamedTuple):
    """A row of the table: the badge is given where the measure is `beyond` its limit."""

    name: str
    limit: float
    above: bool  # the badge is for values from the limit on; else for those up to it
    shown: str  # the limit, to read
    measure: Callable[[Subject], Finding | None]


def badges(subject: Subject) -> list[Badge]:
    """Those that a layer has earned, a cause before its effect."""
    found = []
    for check in CHECKS:
        finding = check.measure(subject)
        if finding is None or (finding.value < check.limit if check.above else finding.value > check.limit):
            continue
        why = f"{finding.sentence}; the badge is for {check.shown}"
        found.append(Badge(check.name, finding.value, f"{finding.called or check.name} {finding.short}", why))
    return found


def _not_a_number(subject: Subject) -> Finding | None:
    bad = [statistics for statistics in subject.view.tensors.values() if statistics.bad > 0]
    if not bad:
        return None
    first = max(bad, key=lambda statistics: statistics.bad)
    share, nan = _percent(first.bad), math.isnan(first.min)
    sentence = f"{share} of {first.name} is {'NaN or infinite' if nan else 'infinite'}"
    return Finding(first.bad, first.name, sentence, "NaN" if nan else "∞")


def _dead(subject: Subject) -> Finding | None:
    output = _output(subject)
    if subject.view.activation != "relu" or output is None or len(output) < LEAST_EXAMPLES:
        return None
    neurons = 1 if output.dim() == 4 or subject.info.kind.startswith(("conv", "batchnorm")) else output.dim() - 1
    share = _once(subject, "dead", lambda: dead(output, neurons))
    units, name = output.shape[neurons], f"A[{subject.info.index}]"
    sentence = f"{round(share * units)} of {units} neurons of {name} give 0 for all {len(output)} examples"
    return Finding(share, _percent(share), sentence)


def _saturated(subject: Subject) -> Finding | None:
    output = _output(subject)
    if subject.view.activation not in LIMITS or output is None or _is_confidence(subject):
        return None
    share = _once(subject, "saturated", lambda: saturated(output, subject.view.activation))
    low, high = LIMITS[subject.view.activation]
    where = f"within {MARGIN} of {low:.0f} or {high:.0f}, where the slope is next to 0"
    return Finding(share, _percent(share), f"{_percent(share)} of A[{subject.info.index}] lies {where}")


def _growth(subject: Subject) -> Finding | None:
    """How much larger ‖dZ‖ is here than in the last layer, where the backward pass begins."""
    here = subject.view.tensors.get("dZ")
    if here is None or not subject.last_gradient or subject.info.index == subject.last:
        return None
    growth = here.norm / subject.last_gradient
    if not math.isfinite(growth):
        return None  # the badge for NaN says so
    words = f"‖dZ[{subject.info.index}]‖ / ‖dZ[{subject.last}]‖ = {growth:.3g}"
    return Finding(growth, _times(growth), words)


CHECKS: tuple[Check, ...] = (
    Check("NaN", 0.0, True, "the first one", _not_a_number),
    Check("dead", 0.25, True, "25% and more", _dead),
    Check("saturated", 0.5, True, "50% and more", _saturated),
    Check("exploding", 100.0, True, "100 and more", _growth),
    Check("vanishing", 0.01, False, "0.01 and less", _growth),
)


def _output(subject: Subject) -> Tensor | None:
    """A, (N, …), where the cursor has reached it and the tape holds it."""
    value = _output_value(subject)
    return value.tensor if value is not None and subject.values.reached(value) else None


def _output_value(subject: Subject) -> Value | None:
    tape = subject.values.tape
    value = None if tape is None else tape.values.get(f"A[{subject.info.index}]")
    return value if value is not None and len(value.shape) > 1 else None


def _is_confidence(subject: Subject) -> bool:
    """Whether this is the output of a classifier, which shall be near 0 or 1, and whose loss makes up for the slope."""
    tape = subject.values.tape
    loss = None if tape is None else tape.values.get("ℒ")
    op = "" if loss is None or loss.event is None else loss.event.op.name
    return subject.info.index == subject.last and op in _LOG_LOSSES


def _once(subject: Subject, what: str, compute: Callable[[], float]) -> float:
    """A number computed once for each tape."""
    tape = subject.values.tape
    assert isinstance(tape, Tape)
    return tape.once(f"{what} {subject.info.index}", compute)


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{100 * share:.0f}%"


def _times(growth: float) -> str:
    """ "146×", "1/137", "1/10⁷", "0"."""
    if growth == 0:
        return "0"
    return f"{_whole(growth)}×" if growth >= 1 else f"1/{_whole(1 / growth)}"


def _whole(value: float) -> str:
    """At most three digits, or the nearest power of ten."""
    return f"{value:.0f}" if value < 999.5 else "10" + str(round(math.log10(value))).translate(_SUPERSCRIPTS)


_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
