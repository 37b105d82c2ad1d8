"""The table of gradients at the cursor, as a view: norms, their past, and how far each update moved its parameter."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial

import msgspec

from engine.lookup.moment import Moment
from engine.lookup.reasons import is_carried_over
from engine.lookup.values import Values
from engine.panes.distribution import remember
from engine.panes.gradient_table import table
from engine.panes.reached import gradient_norm, parameter_gradient, passed_gradient, passed_on, reached_gradients
from engine.panes.stretches import in_stretch
from engine.protocol.messages import GradientLook
from engine.protocol.views import Gradient, Gradients
from engine.statistics import norm, update_ratio
from engine.tape.naming import Naming
from engine.tape.tape import Tape


def gradients_view(moment: Moment, look: GradientLook) -> Gradients:
    """The rows in view of all parameters' gradients, or of those of each Z, as far as the cursor has reached."""
    tape = moment.tape
    if tape is None:
        return table(_all(moment.values), look)
    if moment.event is None:
        _remember(moment, tape)
    key = f"gradients {look.mode} {look.first} {look.rows}"
    view = in_stretch(moment, tape, key, lambda: _changes(moment, tape), lambda: table(_found(moment, tape), look))
    if not look.points:
        return view
    names = [f"d{row.name}" for row in view.rows]
    past = moment.timeline.trace.series(names, moment.finished, look.points)
    inside = moment.event is not None
    rows = [
        msgspec.structs.replace(
            row, history=[*before, *([row.norm] if inside and row.norm is not None else [])][-look.points :]
        )
        for row, before in zip(view.rows, past, strict=True)
    ]
    seen = moment.timeline.trace.count(moment.finished)
    return msgspec.structs.replace(view, rows=rows, seen=seen, batches=moment.finished)


def _found(moment: Moment, tape: Tape) -> list[Gradient]:
    return in_stretch(moment, tape, "gradients", lambda: _changes(moment, tape), lambda: _all(moment.values))


def _changes(moment: Moment, tape: Tape) -> Iterator[int]:
    """The events that make a gradient, change it, or use it."""
    for name in moment.naming.layer_of:
        yield from tape.versions.events(name)
        yield from tape.versions.events(f"d{name}")
    for name in passed_on(moment.values):
        if value := tape.values.get(name):
            yield value.gradient_event


def _all(values: Values) -> list[Gradient]:
    """Each parameter's gradient norm, norm and update ratio, then those of what it passed on its way."""
    tape = values.tape
    if tape is None:
        return [*(_parameter(values, name) for name in values.parameter_names()), *_passed(values)]
    names = tape.once("parameters", values.parameter_names)
    rows = tape.once("gradient rows", dict[tuple[str, int, int], Gradient])
    done, found = values.done, []
    for name in names:
        gradients, updates = tape.once(f"changes of {name}", partial(_changes_of, tape, name))
        key = (name, bisect_right(gradients, done), bisect_right(updates, done))
        if key not in rows:
            rows[key] = _parameter(values, name)
        found.append(rows[key])
    return [*found, *_passed(values)]


def _changes_of(tape: Tape, name: str) -> tuple[list[int], list[int]]:
    return tape.versions.events(f"d{name}"), tape.versions.events(name)


def _remember(moment: Moment, tape: Tape) -> None:
    found = _found(moment, tape)
    known = {f"d{gradient.name}": gradient.norm for gradient in found if gradient.norm is not None}
    moment.timeline.trace.note(moment.iteration, known)
    remember(moment, reached_gradients(moment.values))


def _parameter(values: Values, name: str) -> Gradient:
    short, tape = values.naming.short_name[name], values.tape
    layer, kind = values.naming.layer_of[name], _kind(values.naming, name)
    if tape is None:
        return Gradient(short, layer, None, None, kind)
    gradient = parameter_gradient(values, name)
    ratio = update_ratio(*values.change(name)) if values.updated(name) else None
    note = "" if name in tape.updates() else tape.once(f"no update of {name}", lambda: values.why_not_updated(name))
    if ratio is not None and math.isinf(ratio):
        ratio, note = None, "θ was 0, to which no change has a ratio"
    carried = gradient is not None and tape.once(f"{name} is carried over", lambda: is_carried_over(tape, name))
    return Gradient(short, layer, None if gradient is None else norm(gradient), ratio, kind, [], note, carried)


def _kind(naming: Naming, name: str) -> str:
    layer = naming.layer_of[name]
    parts = naming.layers[layer - 1].parameters if layer else {}
    return next((symbol for symbol in ("W", "b") if parts.get(symbol) == name), "")


def _passed(values: Values) -> list[Gradient]:
    tape, found = values.tape, []
    for name, layer in passed_on(values).items():
        gradient = passed_gradient(values, name)
        size = None if gradient is None or tape is None else gradient_norm(tape, f"d{name}", gradient)
        found.append(Gradient(name, layer, size, None, "Z"))
    return found
