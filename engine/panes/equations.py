"""Events in the course's notation: rules with the shapes of their terms, what is read and what is written."""

from __future__ import annotations

import re

from torch import Tensor

from engine.lookup.moment import Moment
from engine.panes.between import between_rule
from engine.panes.updates import spec_of
from engine.protocol.positions import Phase
from engine.protocol.views import Term
from engine.tape.calls import Edge, edges, is_added, rule_of
from engine.tape.naming import Naming
from engine.tape.rules.numbers import argument
from engine.tape.rules.rule import Right, Rule
from engine.tape.tape import Event, Tape, Value

NEW_LINE = Term("\n")
_SLOT = re.compile(r"\{(?P<name>[^}]+?)(?P<turned>\.T)?\}")
_LISTED = 4  # gradients and inputs


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


def rules(moment: Moment, tape: Tape, event: Event, *, plain: bool = False) -> tuple[list[Term], str, list[Term]]:
    """The event's rule, and the other direction's with its name; none where there is no other direction.

    `plain`: what goes in and comes out is named, and no formula.
    """
    if event.phase is Phase.LOAD:
        return _loaded(event), "", []
    if event.phase is Phase.UPDATE:
        return _update_rule(moment, tape, event, plain=plain), "", []
    if event.phase is Phase.BETWEEN and event.changed:
        return between_rule(tape, event), "", []
    if event.phase is Phase.BACKWARD:
        forward = [] if event.twin is None else forward_rule(tape, event.twin, plain=plain)
        return backward_rule(tape, event, plain=plain), "forward", forward
    twin = next((e for e in tape.events if e.twin is event), None)
    back = backward_rule(tape, twin, plain=plain) if twin else []
    return forward_rule(tape, event, plain=plain), "backward" if twin else "", back


def _loaded(event: Event) -> list[Term]:
    terms: list[Term] = []
    for value in event.outputs:
        terms += [NEW_LINE] if terms else []
        terms.append(Term(f"{value.name} = X" if value.name == "A[0]" else value.name, _shape(value.shape)))
    return terms


def _update_rule(moment: Moment, tape: Tape, event: Event, *, plain: bool) -> list[Term]:
    spec = spec_of(tape, event)
    name = moment.naming.short_name[event.parameter]
    shape = _shape(event.inputs[0].shape)
    if spec is None or plain:
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


def forward_rule(tape: Tape, event: Event, *, plain: bool = False) -> list[Term]:
    """What a forward event computes, with the shapes of its factors; `plain` names what goes in alone, as no rule."""
    rule, call = (None, None) if plain else rule_of(tape, event)
    left = _named(event.outputs[0]) if event.outputs else Term("nothing")
    if rule is None or call is None:
        return [left, Term(f" = {event.op.name}("), *_listed(event), Term(")")]
    return [left, Term(" = "), *_filled(rule.forward, rule, event), *_where(rule, [rule.forward], event)]


def _listed(event: Event) -> list[Term]:
    terms: list[Term] = []
    for value in [value for value in event.inputs[:_LISTED] if not value.buffer]:
        terms += [Term(", ")] if terms else []
        terms.append(_named(value))
    return terms


def backward_rule(tape: Tape, event: Event, *, plain: bool = False) -> list[Term]:
    """What a backward event computes: the gradient towards each input that one goes to."""
    twin = event.twin
    if twin is None:
        return [Term(f"{event.op.name} {'passes its gradient on' if _passes_on(event) else 'has no rule'}")]
    rule = None if plain else rule_of(tape, twin, event)[0]
    terms: list[Term] = []
    told = []
    for edge in _as_written(rule, list(edges(rule, event))):
        terms += [NEW_LINE] if terms else []
        added = " += " if is_added(tape, event, edge.target) else " = "
        terms += [_named(edge.target, "d", edge.turned), Term(added)]
        if rule is None or not edge.right:
            terms += [Term(f"{twin.op.name}′("), _slot("dout", "", rule, twin), Term(")")]
        else:
            terms += _filled(edge.right, rule, twin)
            told.append(edge.right)
    return terms + (_where(rule, told, twin) if rule is not None else [])


def _passes_on(event: Event) -> bool:
    """Whether what leaves a backward event is what arrived there."""
    arrived = [gradient for gradient in event.gradients_in if gradient is not None]
    left = [gradient for _, gradient in event.gradients_out if gradient is not None]
    return len(arrived) == 1 and bool(left) and all(each is arrived[0] or each.equal(arrived[0]) for each in left)


def _as_written(rule: Rule | None, found: list[Edge]) -> list[Edge]:
    """In the order in which the rule has them; the first of a long list."""
    if rule is not None:
        order = [name.removesuffix(".T") for name in rule.backward]
        found.sort(key=lambda edge: order.index(edge.argument) if edge.argument in order else len(order))
    return found[:_LISTED]


def _where(rule: Rule, told: list[Right], event: Event) -> list[Term]:
    """A line for each name that these texts use, and one for what the formula does not say."""
    texts, used = [text_of(right) for right in told], list[tuple[str, str]]()
    for name, definition in reversed(rule.where):
        if any(f"{{{name}}}" in text or f"{{{name}.T}}" in text for text in texts):
            texts.append(definition)
            used.insert(0, (name, definition))
    terms: list[Term] = []
    for name, definition in used:
        terms += [NEW_LINE, Term(f"{name} = "), *_filled(definition, rule, event)]
    if rule.note and told:
        terms += [NEW_LINE, *(Term(term.text) for term in _filled(rule.note, rule, event))]
    return terms


def text_of(right: Right) -> str:
    """The text of a right side, whichever it is."""
    return right if isinstance(right, str) else right.text


def _filled(right: Right, rule: Rule, event: Event) -> list[Term]:
    template, terms, end = text_of(right), list[Term](), 0
    for slot in _SLOT.finditer(template):
        if slot.start() > end:
            terms.append(Term(template[end : slot.start()]))
        terms.append(_slot(slot["name"], slot["turned"] or "", rule, event))
        end = slot.end()
    return [*terms, Term(template[end:])] if end < len(template) else terms


def _slot(name: str, turned: str, rule: Rule | None, event: Event) -> Term:
    """What stands for {name}: a value with its shape, a number as it is, a name of the rule's own."""
    if name in ("out", "dout"):
        return _named(event.outputs[0], name.removesuffix("out"), bool(turned))
    found = event.arguments.get(name)
    if isinstance(found, Value):
        return _named(found, "", bool(turned))
    if name in event.arguments:
        return Term(argument(found))
    if name.startswith("out"):
        made = event.outputs[int(name[3:])]
        return _named(made) if made.name else Term("place" if made.dtype == "int64" else "mask")
    return Term(name + ("ᵀ" if turned else ""))


def _named(value: Value, before: str = "", turned: bool = False) -> Term:
    name, shape = value.name or "·", value.shape
    if turned:
        name = name.removesuffix("ᵀ") if name.endswith("ᵀ") else name + "ᵀ"
        shape = (*shape[:-2], *shape[:-3:-1])
    return Term(before + name, _shape(shape))


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def reads(event: Event) -> str:
    """The names that an event reads, for the tape."""
    if event.phase is Phase.BACKWARD:
        return ", ".join(f"d{v.name}" for v in (event.twin.outputs[:1] if event.twin else ()) if v.name)
    if event.phase is Phase.UPDATE:
        return event.inputs[0].name + f", d{event.inputs[0].name}"
    if event.changed:
        return ", ".join(f"d{name}" for name in event.changed)
    named = [v for v in event.inputs if not v.nameless and not v.buffer]
    named.sort(key=lambda value: (bool(value.root().parameter), -len(value.shape)))  # A[0], W[1], b[1]
    return ", ".join(dict.fromkeys(v.root().name if v.root().parameter else v.name for v in named))


def writes(event: Event) -> str:
    """The names that an event writes, for the tape."""
    if event.phase is Phase.BACKWARD:
        given = [_untransposed(value) for value, gradient in event.gradients_out if value and gradient is not None]
        return ", ".join(f"d{name}" for name in given if name)
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
