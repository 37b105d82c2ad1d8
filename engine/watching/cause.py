"""What made the first NaN or infinity, in words: where, of how many values, worked out at one, and what to do.

Every sentence is checked against the numbers of the event that it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from engine.lookup.everywhere import first_bad
from engine.lookup.moment import Moment
from engine.lookup.nonfinite import Made, bad_before
from engine.panes.equations import title
from engine.panes.worked import formula_at
from engine.protocol.positions import Phase
from engine.statistics import is_bad, plain
from engine.tape.tape import Event, Tape

_MOST_ROWS = 4


class Case(NamedTuple):
    """An event that made something not finite, and the numbers of one element of it."""

    moment: Moment
    tape: Tape
    made: Made
    at: tuple[int, ...]  # that element's indices, from 0
    out: float
    given: dict[str, float]  # what went into that element, by name, in order; empty where it is of many

    @property
    def op(self) -> str:
        """The operation; of a backward event, that which it is of."""
        twin = self.made.event.twin
        return (twin or self.made.event).op.name


def nonfinite_words(moment: Moment, tape: Tape, number: int) -> tuple[str, str]:
    """What an event made, or that it was there before, and what to look at or do."""
    made = first_bad(moment.values)
    if made is None or made.event.number != number:
        names = ", ".join(moment.naming.short_name.get(name, name) for name in bad_before(tape)[:3])
        return f"NaN or infinity was in {names} before this batch", "reverse-run until nan(*) finds what made it"
    at, given = _element(made)
    case = Case(moment, tape, made, at, float(plain(made.tensor)[at]), given)
    advice = next((found for check in _ADVICE if (found := check(case))), _USUAL)
    parts = [_what(case), _rows(case), _worked(case), _line(made.event)]
    return "; ".join(part for part in parts if part), advice


# ── what ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _what(case: Case) -> str:
    event, where = case.made.event, case.made.where
    nan, infinite = (bool((where & test(case.made.tensor)).any()) for test in (torch.isnan, torch.isinf))
    kind = "NaN and infinities" if nan and infinite else "NaN" if nan else "an infinity"
    count, total = int(where.sum()), where.numel()
    of = f"{count} of {total} values of " if total > 1 else ""
    verb = "made" if case.made.why == "made" else "has"
    inside = f" in layer {event.layer} ({event.path})" if event.layer and event.path else ""
    return f"{title(case.moment.naming, case.tape, event)}{inside} {verb} {kind}: {of}{_shown(case, case.made.name)}"


def _shown(case: Case, name: str) -> str:
    """A name as it is shown: a parameter's is short."""
    short = case.moment.naming.short_name
    return short.get(name) or (f"d{short[name[1:]]}" if name[:1] == "d" and name[1:] in short else name or "its result")


def _rows(case: Case) -> str:
    """The rows of the batch that it is in, where the first dimension is that of the examples."""
    where, tape = case.made.where, case.tape
    if not where.dim() or where.shape[0] != tape.size or tape.size < 2 or case.made.event.phase is Phase.UPDATE:
        return ""
    rows = where.reshape(len(where), -1).any(1).nonzero()[:, 0].tolist()
    if len(rows) == tape.size:
        return "in every row"
    shown = ", ".join(_row(tape, row) for row in rows[:_MOST_ROWS])
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{f' … ({len(rows)})' if len(rows) > _MOST_ROWS else ''}"


def _row(tape: Tape, row: int) -> str:
    return f"{row + 1} (example {tape.indices[row]})" if row < len(tape.indices) else str(row + 1)


def _line(event: Event) -> str:
    file, _, line = event.source.rpartition(":")
    return f"{Path(file).name}:{line}" if file else ""


# ── worked out ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _element(made: Made) -> tuple[tuple[int, ...], dict[str, float]]:
    """The first element that is not finite, from 0, and what went into it, where that is one number of each input."""
    places = made.where.nonzero()
    at = tuple(places[0].tolist()) if len(places) else ()
    given: dict[str, float] = {}
    for name, tensor in made.inputs:
        try:
            value = plain(tensor.detach()).broadcast_to(made.tensor.shape)[at]
        except RuntimeError:
            return at, {}
        given[name if name not in given else f"{name}′"] = float(value)
    return at, given


def _worked(case: Case) -> str:
    if not case.given:
        return ""
    event, numbers = case.made.event, [_number(value) for value in case.given.values()]
    place = f"at [{','.join(str(index + 1) for index in case.at)}]: " if case.at else ""
    formula = formula_at(case.tape, event, case.at) if event.twin is None and event.phase is not Phase.UPDATE else ""
    if formula:
        return f"{place}{formula} = {_number(case.out)}"
    listed = ", ".join(f"{_shown(case, name)} {number}" for name, number in zip(case.given, numbers, strict=True))
    return f"{place}{listed} → {_number(case.out)}"


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−").replace("inf", "∞").replace("nan", "NaN")


# ── what to do ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _reached(case: Case) -> str:
    if case.made.why != "reached":
        return ""
    for value in case.tape.events[0].outputs:
        if value.tensor is not None and is_bad(value.tensor):
            rows = (~torch.isfinite(value.tensor)).reshape(len(value.tensor), -1).any(1).nonzero()[:, 0].tolist()
            shown = ", ".join(_row(case.tape, row) for row in rows[:_MOST_ROWS])
            return f"it came with the data: {value.name} is not finite in row {shown}; clean it, or leave it out"
    return "it was no operation's: a constant or a buffer that holds it reached this; O walks back to where it came in"


def _scaled(case: Case) -> str:
    """A GradScaler that found it, and left the parameters as they were."""
    events = case.tape.events[case.made.event.number - 1 :]
    looked = any(event.op.name == "unscale" for event in events)
    if not looked or any(event.phase is Phase.UPDATE for event in events):
        return ""
    return "no fault as such: the GradScaler found it and took no step in this batch; its update() lowers the scale"


def _divided(case: Case) -> str:
    if case.op not in ("div", "reciprocal", "true-divide") or not case.given:
        return ""
    name, divisor = list(case.given.items())[-1 if case.made.event.twin is None else min(2, len(case.given) - 1)]
    if abs(divisor) >= _smallest(case.made.tensor):
        return ""
    small = "0" if divisor == 0 else "next to 0"
    shown = _shown(case, name)
    return f"a division by {small}, whatever the learning rate: see what makes {shown} {small}, or guard it (clamp_min)"


def _smallest(tensor: Tensor) -> float:
    """The least number of its type by which 1 can be divided, about."""
    return torch.finfo(tensor.dtype).tiny if tensor.is_floating_point() else 1e-38


def _logarithm(case: Case) -> str:
    value = _first(case)
    if case.op not in ("log", "log2", "log10", "log1p") or value is None or value > 0:
        return ""
    what = "0" if value == 0 else "a negative number"
    return f"the logarithm of {what}: take log_softmax or logsigmoid of the logits, or clamp what goes in"


def _root(case: Case) -> str:
    value = _first(case)
    if case.op not in ("sqrt", "rsqrt", "pow") or value is None:
        return ""
    if case.made.event.twin is None:
        if value < 0:
            return (
                "the root of a negative number: clamp what goes in; torch.where afterwards does not mend its gradient"
            )
        return "1/√0 is infinite: add a small number under the root" if value == 0 and case.op == "rsqrt" else ""
    under = list(case.given.values())[1] if len(case.given) > 1 else 1.0
    return f"the slope of {case.op} at 0 is infinite: add a small number under the root" if under == 0 else ""


def _epsilon(case: Case) -> str:
    """An optimizer's ε that its parameters' type cannot hold, beside a √v that is 0."""
    event, tensor = case.made.event, case.made.tensor
    eps = event.settings.get("eps")
    if event.phase is not Phase.UPDATE or not isinstance(eps, float) or not eps:
        return ""
    if float(torch.tensor(eps, dtype=tensor.dtype)) != 0:
        return ""
    state = case.tape.versions.get((event.optimizer, event.parameter), event.number)
    if not any(isinstance(v, Tensor) and v.shape == tensor.shape and v[case.at] == 0 for v in state.values()):
        return ""
    dtype = str(tensor.dtype).removeprefix("torch.")
    return (
        f"ε = {eps:g} is 0 in {dtype}, and √v is 0: a division by 0; keep parameters in float32, or give a larger eps"
    )


def _masked(case: Case) -> str:
    if "softmax" not in case.op or case.made.event.twin is not None or not case.made.inputs:
        return ""
    scores = plain(case.made.inputs[0][1])
    throughout = bool((scores == -torch.inf).all(-1).any())
    return "a row of its input is −∞ throughout: every place of it is masked" if throughout else ""


def _infinities(case: Case) -> str:
    names = [name for name, tensor in case.made.inputs if is_bad(tensor)]
    if not names:
        return ""
    return f"{', '.join(_shown(case, name) for name in names[:3])} holds infinities: ∞ − ∞ and 0 · ∞ are NaN"


def _overflow(case: Case) -> str:
    """All inputs are finite, and the largest, of that element where it is known, far beyond what a network needs."""
    sizes = {name: abs(value) for name, value in case.given.items()} or {
        name: float(plain(t.detach()).abs().max())
        for name, t in case.made.inputs
        if t.numel() and t.is_floating_point()
    }
    name, largest = max(sizes.items(), key=lambda item: item[1], default=("", 0.0))
    most = torch.finfo(case.made.tensor.dtype).max if case.made.tensor.is_floating_point() else 1e38
    if largest < most**0.25:
        return ""
    grown = f"{_shown(case, name)} reaches {_number(largest)}"
    if name in case.moment.naming.layer_of or case.made.event.phase is Phase.UPDATE:
        return f"an overflow: {grown}; go back and see when it grew: a lower rate, or gradient clipping, bounds it"
    return f"an overflow: {grown}; O walks back to what made it large; a lower rate bounds what the updates make grow"


def _first(case: Case) -> float | None:
    """The operation's own input: that of a backward event follows its gradient."""
    values = list(case.given.values())
    if not values:
        return None
    return values[0 if case.made.event.twin is None else min(1, len(values) - 1)]


_USUAL = "O steps back to the operation before it; stats of its inputs show what is unusual"
_ADVICE: tuple[Callable[[Case], str], ...] = (
    _reached,
    _scaled,
    _epsilon,
    _divided,
    _logarithm,
    _root,
    _masked,
    _infinities,
    _overflow,
)
