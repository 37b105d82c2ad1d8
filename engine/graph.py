"""Tape → compute graph: values as nodes in execution order, and how far the cursor has got with each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.gradients import gradient_norm
from engine.tape import Event, Tape, Value
from engine.views import GraphView, Mark, Node, Phase

if TYPE_CHECKING:
    from engine.session import Session

_FORWARD = (Phase.FORWARD, Phase.LOSS)


@dataclass
class _Built:
    """The graph's structure, which belongs to the tape alone, and the value behind each node."""

    nodes: list[Node] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)


def graph_view(session: Session) -> GraphView | None:
    """The graph of the cursor's batch; before training, that of the first batch, all still to come.

    None where there is no batch to look at.
    """
    tape = session.tape() if session.iteration else session.first_tape()
    if tape is None:
        return None
    done = 0 if session.iteration == 0 else len(tape) if session.event is None else session.event
    built = _structure(tape)
    current = tape.events[max(0, done - 1)]
    here = _here(current) if done else set()
    nodes = [_marked(node, built.values[node.id], tape, done, here) for node in built.nodes]
    return GraphView(nodes, current.phase if current.phase is not Phase.LOSS else Phase.FORWARD)


def _structure(tape: Tape) -> _Built:
    built = _Built()
    for value in tape.events[0].outputs:
        if value.symbol == "X":
            _add(built, value, "input", "", [])
    for event in tape.events:
        if event.phase in _FORWARD and event.outputs:
            _add_operation(built, event)
    return built


def _add_operation(built: _Built, event: Event) -> None:
    inputs: list[str] = []
    for value in sorted(event.inputs, key=lambda value: -len(value.shape)):  # W before b
        root = value.root()
        if root.name in ("c", "mask", "") or root.buffer:
            continue
        kind = "parameter" if root.parameter else "target" if root.symbol == "Y" else "value"
        if root.name not in built.values:
            _add(built, root, kind, "", [])
        if root.name not in inputs:
            inputs.append(root.name)
    inputs.sort(key=lambda name: _is_side(built.values[name]))
    out = event.outputs[0]
    _add(built, out, "loss" if out.symbol == "L" else "value", event.op.name, inputs, event.layer)


def _is_side(value: Value) -> bool:
    return bool(value.parameter) or value.symbol == "Y"


def _add(built: _Built, value: Value, kind: str, op: str, inputs: list[str], layer: int = 0) -> None:
    name = value.name
    built.values[name] = value
    built.nodes.append(Node(name, name, kind, op, layer or value.layer, list(value.shape), inputs))


def _here(event: Event) -> set[Value]:
    """The values that the cursor's event has made, or sent gradients to."""
    if event.phase is Phase.BACKWARD:
        return {
            target.root() for target, gradient in event.gradients_out if target is not None and gradient is not None
        }
    return {value.root() for value in event.outputs}


def _marked(node: Node, value: Value, tape: Tape, done: int, here: set[Value]) -> Node:
    root = value.root()
    backward = tape.events[done - 1].phase is Phase.BACKWARD
    mark = Mark.DONE if value.event is None or value.event.number <= done else Mark.TODO
    if root in here and not backward:
        mark = Mark.HERE
    found = tape.parameter_gradients.get(value.parameter) if value.parameter else None
    number = found[1] if found else value.gradient_event
    gradient = found[0] if found else value.gradient
    if not number and value.symbol != "L":
        return _replace(node, mark, None, None)
    if value.symbol == "L":
        number, gradient = _loss_gradient_event(tape), None
    arrived = 0 < number <= done
    norm = gradient_norm(tape, f"d{node.id}", gradient) if arrived else None
    gradient_mark = Mark.HERE if backward and root in here else Mark.DONE if arrived else Mark.TODO
    return _replace(node, mark, 1.0 if arrived and value.symbol == "L" else norm, gradient_mark)


def _loss_gradient_event(tape: Tape) -> int:
    """ℒ's own gradient is 1, there as soon as the backward pass begins."""
    return next((event.number for event in tape.events if event.phase is Phase.BACKWARD), 0)


def _replace(node: Node, mark: Mark, gradient: float | None, gradient_mark: Mark | None) -> Node:
    return Node(
        node.id, node.label, node.kind, node.op, node.layer, node.shape, node.inputs, mark, gradient, gradient_mark
    )
