"""An event of the tape as a call: its rule, and the numbers that it read and wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor

from engine.tape.rules.rule import LETTERS, Call, Right, Rule
from engine.tape.tape import Event, Tape, Value
from engine.tape.versions import Later


class Edge(NamedTuple):
    """A gradient that a backward event sends: the argument of its forward twin, the rule, where it goes, what it is."""

    argument: str
    right: Right
    turned: bool  # the rule is that of the transposed gradient
    target: Value
    gradient: Tensor


def rule_of(tape: Tape, event: Event, backward: Event | None = None) -> tuple[Rule | None, Call]:
    """The rule of a forward event's call, and the call; of its `backward` event, too, where that is given."""
    call = Call(
        event.arguments,
        tuple(value.shape for value in event.outputs),
        lambda name: _numbers(tape, event, backward, name),
    )
    if event.op.rule is None or not event.outputs or not event.arguments:
        return None, call
    if any(len(value.shape) > len(LETTERS) for value in (*event.inputs, *event.outputs)):
        return None, call  # no letter is left to say over which dimension
    return event.op.rule(call), call


def edges(rule: Rule | None, backward: Event) -> Iterator[Edge]:
    """What a backward event sends to where it is wanted."""
    names = _names(rule, backward)
    arguments = backward.twin.arguments if backward.twin is not None else {}
    for place, (target, gradient) in enumerate(backward.gradients_out):
        if target is None or gradient is None:
            continue
        name = _argument(arguments, names[place] if place < len(names) else "", target)
        turned = rule is not None and f"{name}.T" in rule.backward
        right: Right = "" if rule is None else rule.backward.get(f"{name}.T" if turned else name, "")
        yield Edge(name, right, turned, target, gradient)


def _argument(arguments: dict[str, Any], expected: str, target: Value) -> str:
    """The name of the argument that a gradient goes to: the expected one, or else the one that it is."""
    if arguments.get(expected) is target:
        return expected
    return next((name for name, item in arguments.items() if item is target), "")


def _names(rule: Rule | None, backward: Event) -> list[str]:
    """The arguments that gradients go to, in the order of the operator's schema."""
    if rule is None or backward.twin is None:
        return []
    order = {name: place for place, name in enumerate(backward.twin.arguments)}
    return sorted((name.removesuffix(".T") for name in rule.backward), key=lambda name: order.get(name, len(order)))


def _numbers(tape: Tape, event: Event, backward: Event | None, name: str) -> Tensor | None:
    if name.startswith("dout"):
        place = int(name[4:] or 0)
        arrived = () if backward is None else backward.gradients_in
        return arrived[place] if place < len(arrived) else None
    if name.startswith("out") and name not in event.arguments:
        place = int(name[3:] or 0)
        return made(tape, event.outputs[place], event.number) if place < len(event.outputs) else None
    value = event.arguments.get(name)
    return value_then(tape, value, event.number) if isinstance(value, Value) else None


def made(tape: Tape, value: Value, number: int) -> Tensor | None:
    """What a value held when event `number` had written it; None where that is not kept."""
    return value_then(tape, value, number + 1)


def value_then(tape: Tape, value: Value, number: int) -> Tensor | None:
    """What a value held when event `number` read it; None where that is not kept."""
    name = value.parameter or value.buffer
    if value.tensor is not None or not name:
        return value.tensor
    try:
        found: Tensor = tape.versions.before(name, number)
    except (KeyError, Later):
        return None
    return found
