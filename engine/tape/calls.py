"""An event of the tape as a call: its rule, and the numbers that it read and wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engine.protocol.positions import Phase
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
        yield Edge(name, right, turned, target, gradient if gradient.layout is torch.strided else gradient.to_dense())


def is_added(tape: Tape, event: Event, target: Value) -> bool:
    """Whether a gradient that a backward event sends is a part of its target's: more was there, or is sent there."""
    begun = next((loss.first for loss in tape.losses.values() if loss.first <= event.number <= loss.last), 1)
    sent = tape.once(f"gradients sent from {begun}", lambda: _sent(tape, begun))
    return sent[_receiver(target)] > 1 or was_there(tape, target.root().parameter, begun)


def was_there(tape: Tape, parameter: str, number: int) -> bool:
    """Whether a parameter had a gradient, other than 0, when event `number` began."""
    found = tape.versions.newest(f"d{parameter}", number - 1) if parameter else None
    return found is not None and (found[1].layout is not torch.strided or bool(torch.count_nonzero(found[1].detach())))


def total(tape: Tape, event: Event, target: Value) -> Tensor | None:
    """A target's whole gradient, where a backward event completes it."""
    name = target.root().parameter
    found = tape.versions.newest(f"d{name}", event.number) if name else None
    if found is not None:
        return found[1] if found[0] == event.number else None
    return target.gradient if target.gradient_event == event.number and not name else None


def _sent(tape: Tape, begun: int) -> Counter[str]:
    """How many gradients the events of a pass send to each receiver."""
    last = next((loss.last for loss in tape.losses.values() if loss.first == begun), len(tape))
    return Counter(
        _receiver(target)
        for event in tape.events[begun - 1 : last]
        for target, gradient in event.gradients_out
        if target is not None and gradient is not None and event.phase is Phase.BACKWARD
    )


def _receiver(target: Value) -> str:
    """What tells the targets of gradients apart: a view that goes by its base's name is that."""
    return target.root().parameter or target.name or str(id(target))


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
