"""Events in the course's notation: rules with the shapes of their terms, what is read and what is written."""

from __future__ import annotations

import math
import re

from torch import Tensor

from engine.experiments.optimizers import spec_of
from engine.lookup.moment import Moment
from engine.panes.between import between_rule
from engine.protocol.positions import Phase
from engine.protocol.views import Term
from engine.tape.naming import Naming
from engine.tape.tape import Event, Tape, Value

NEW_LINE = Term("\n")
_SLOT = re.compile(r"\{(d?)(out|\d)(\.T)?\}")


def title(naming: Naming, tape: Tape, event: Event) -> str:
    """The event in a few words: "backward · relu 2"; of several networks and losses, with theirs."""
    return tape.once(f"title {event.number}", lambda: _title(naming, tape, event))


def _title(naming: Naming, tape: Tape, event: Event) -> str:
    if event.phase is Phase.UPDATE:
        return f"update · {naming.short_name[event.parameter]}"
    names = [event.op.name, str(event.layer) if event.layer else ""]
    if len(naming.networks) > 1:
        names.insert(0, _module(naming, event))
    of = f" of {tape.loss_of(event)}" if event.phase is Phase.BACKWARD and len(tape.losses) > 1 else ""
    return f"{event.phase}{of} · {' '.join(name for name in names if name)}"


def _module(naming: Naming, event: Event) -> str:
    """Which of a program's modules an event is of."""
    path = event.path or (event.changed[0] if event.changed else "")
    return next((name for name in naming.networks if path == name or path.startswith(f"{name}.")), "")


def rules(moment: Moment, tape: Tape, event: Event) -> tuple[list[Term], str, list[Term]]:
    """The event's rule, and the other direction's with its name; none where there is no other direction."""
    if event.phase is Phase.LOAD:
        return _loaded(event), "", []
    if event.phase is Phase.UPDATE:
        return _update_rule(moment, event), "", []
    if event.phase is Phase.BETWEEN and event.changed:
        return between_rule(event), "", []
    if event.phase is Phase.BACKWARD:
        forward = [] if event.twin is None else forward_rule(event.twin)
        return backward_rule(event), "forward", forward
    twin = next((e for e in tape.events if e.twin is event), None)
    return forward_rule(event), "backward" if twin else "", backward_rule(twin) if twin else []


def _loaded(event: Event) -> list[Term]:
    terms: list[Term] = []
    for value in event.outputs:
        terms += [NEW_LINE] if terms else []
        names = {"X": f"{value.name} = X", "Y": "Y"}
        terms.append(Term(names[value.symbol], _shape(value.shape)))
    return terms


def _update_rule(moment: Moment, event: Event) -> list[Term]:
    spec = spec_of(moment.values.optimizers[event.optimizer])
    name = moment.naming.short_name[event.parameter]
    shape = _shape(event.inputs[0].shape)
    if spec is None:
        return [Term(name, shape), Term(f" ← {event.op.name} step of "), Term(f"d{name}", shape)]
    terms: list[Term] = []
    for line in spec.rule:
        terms += [NEW_LINE] if terms else []
        terms += _symbols(line, {"θ": Term(name, shape), "g": Term(f"d{name}", shape)})
    return terms


def _symbols(line: str, named: dict[str, Term]) -> list[Term]:
    """A rule with θ and g standing for a parameter and its gradient."""
    pieces = re.split(r"(?<!\w)(θ|g)(?![^\W²]|[\u0300-\u036f])", line)
    return [named.get(piece, Term(piece)) for piece in pieces if piece]


def forward_rule(event: Event) -> list[Term]:
    """What a forward event computes, with the shapes of its factors."""
    template = event.op.forward
    if not template:
        inputs = ", ".join(f"{{{i}}}" for i, value in enumerate(event.inputs[:4]) if not value.buffer)
        template = f"{{out}} = {event.op.name}({inputs})"
    if len(event.inputs) < 3:
        template = template.replace(" + {2}", "")
    return _fill(template, event)


def backward_rule(event: Event) -> list[Term]:
    """What a backward event computes: the gradient towards each input that one goes to."""
    twin = event.twin
    if twin is None:
        return [Term(f"{event.op.name} passes its gradient on")]
    flowing = {i for i, (_, gradient) in enumerate(event.gradients_out) if gradient is not None}
    rules = [rule for place, rule in twin.op.backward if place in flowing]
    if not rules:
        names = [f"{{d{i}}}" for i in sorted(flowing) if i < len(twin.inputs)]
        rules = [f"{', '.join(names) or 'gradients'} = {twin.op.name}′({{dout}})"]
    terms: list[Term] = []
    for rule in rules:
        terms += [NEW_LINE] if terms else []
        terms += _fill(rule, twin)
    return terms


def _fill(template: str, event: Event) -> list[Term]:
    if "{n}" in template:
        count = _averaged(event)
        template = template.replace(" / {n}", f" / {count}" if count > 1 else "")
    terms: list[Term] = []
    end = 0
    for slot in _SLOT.finditer(template):
        if slot.start() > end:
            terms.append(Term(template[end : slot.start()]))
        terms.append(_slot(event, *slot.groups()))
        end = slot.end()
    return [*terms, Term(template[end:])] if end < len(template) else terms


def _averaged(event: Event) -> int:
    """Of how many numbers each result of the event is the mean."""
    given, made = (math.prod(value.shape) for value in (event.inputs[0], event.outputs[0]))
    return given // max(1, made)


def _slot(event: Event, gradient: str, which: str, transposed: str | None) -> Term:
    values = event.outputs[:1] if which == "out" else event.inputs[int(which) : int(which) + 1]
    if not values:
        return Term("c")
    value = values[0]
    name, shape = value.name or "·", value.shape
    name = {"A[0]": "A[0]", "c": "c"}.get(name, name)
    if transposed:
        name = name.removesuffix("ᵀ") if name.endswith("ᵀ") else name + "ᵀ"
        shape = (*shape[:-2], *shape[:-3:-1])
    return Term(gradient + name, _shape(shape))


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def reads(event: Event) -> str:
    """The names that an event reads, for the tape."""
    if event.phase is Phase.BACKWARD:
        return ", ".join(f"d{v.name}" for v in (event.twin.outputs[:1] if event.twin else ()))
    if event.phase is Phase.UPDATE:
        return event.inputs[0].name + f", d{event.inputs[0].name}"
    if event.changed:
        return ", ".join(f"d{name}" for name in event.changed)
    named = [v for v in event.inputs if v.name not in ("", "c", "mask") and not v.buffer]
    named.sort(key=lambda value: (bool(value.root().parameter), -len(value.shape)))  # A[0], W[1], b[1]
    return ", ".join(dict.fromkeys(v.root().name if v.root().parameter else v.name for v in named))


def writes(event: Event) -> str:
    """The names that an event writes, for the tape."""
    if event.phase is Phase.BACKWARD:
        return ", ".join(f"d{_untransposed(v)}" for v, gradient in event.gradients_out if v and gradient is not None)
    if event.changed:
        return ", ".join(f"d{name}" for name in event.changed)
    return ", ".join(v.name for v in event.outputs if v.name)


def _untransposed(value: Value) -> str:
    return value.root().name if value.root().parameter else value.name


def written_shape(event: Event) -> str:
    """The shape of what an event writes; "" where it writes several things."""
    if ", " in writes(event):
        return ""
    if event.phase is Phase.BACKWARD:
        first: Tensor | None = next((g for _, g in event.gradients_out if g is not None), None)
        return "" if first is None else _shape(tuple(first.shape))
    return _shape(event.outputs[0].shape) if event.outputs else ""
