"""Tape → compute graph: the lines that are looked at, and how far the cursor has got with each value."""

from __future__ import annotations

from bisect import bisect_left

import msgspec
from torch import Tensor

from engine.lookup.moment import Moment
from engine.panes.graph_plan import GraphPlan, Item, graph_plan
from engine.panes.reached import gradient_norm
from engine.protocol.messages import GraphLook
from engine.protocol.positions import Mark, Phase
from engine.protocol.views import GraphView, Node
from engine.tape.tape import Event, Tape, Value

_MOST_FOUND = 500


def graph_view(moment: Moment, look: GraphLook) -> GraphView | None:
    """The graph of the cursor's batch; before training, that of the first batch, all still to come.

    None where there is no batch to look at.
    """
    tape = moment.tape if moment.iteration else moment.first_tape()
    if tape is None:
        return None
    done, course = moment.done, moment.naming.course
    return tape.once(
        f"graph at {done}: {look}", lambda: _view(tape, done, look, graph_plan(tape, look.level, look.toggled, course))
    )


def _view(tape: Tape, done: int, look: GraphLook, plan: GraphPlan) -> GraphView:
    current = tape.events[max(0, done - 1)]
    here = _here(plan, current) if done else {}
    at = min([item.line for item in here.values() if item.line], default=0)
    first = _first_line(look, at)
    shown = _between(plan, first, first + look.rows)
    inside = {item.node.id for item in shown}
    entering = dict.fromkeys([each for item in shown for each in item.node.inputs if each not in inside])
    backward = current.phase is Phase.BACKWARD
    direction = current.phase if current.phase is not Phase.LOSS else Phase.FORWARD
    return GraphView(
        [_marked(item, tape, done, here, backward) for item in shown],
        direction,
        [_marked(plan.by_id[each], tape, done, here, backward) for each in entering],
        shown[0].start if shown else 1,
        plan.lines,
        at,
        plan.widths,
        _found(plan, look.search),
    )


def _between(plan: GraphPlan, first: int, end: int) -> list[Item]:
    """The values of which any line is in first … end − 1, and the one before them, which their edges come from."""
    values, begin = plan.values, bisect_left(plan.value_lines, first)
    above = begin - 1
    while above >= 0 and values[above].node.kind == "side":
        above -= 1
    return values[begin if above < 0 else above : begin] + [item for item in values[begin:] if item.start < end]


def _first_line(look: GraphLook, at: int) -> int:
    """The line that is asked for, or, where the cursor is followed out of the middle of what is seen, one before it."""
    third = look.rows // 3
    if look.follow and at and not look.first + third <= at < look.first + 2 * third:
        return max(1, at - look.rows // 2)
    return look.first


def _found(plan: GraphPlan, search: str) -> list[int]:
    wanted = search.lower().split()
    if not wanted:
        return []
    lines = {item.line for item in plan.items if item.line and all(word in item.words for word in wanted)}
    return sorted(lines)[:_MOST_FOUND]


def _here(plan: GraphPlan, event: Event) -> dict[str, Item]:
    """The items that the cursor's event has made, or sent gradients to, by id."""
    values = {value.root() for value in event.outputs}
    if event.phase is Phase.BACKWARD:
        values = {target.root() for target, gradient in event.gradients_out if target and gradient is not None}
    found = [plan.home[value] for value in values if value in plan.home]
    return {item.node.id: item for item in found}


def _marked(item: Item, tape: Tape, done: int, here: dict[str, Item], backward: bool) -> Node:
    """An item's node with its marks; each is made once."""
    is_here = item.node.id in here
    if item.completed is None:
        item.updated, item.completed = _first_update(tape, item.value), _gradient(item.value, tape)
    passed = Mark.UPDATED if 0 < item.updated <= done else Mark.DONE if item.made <= done else Mark.TODO
    arrived = 0 < item.completed[0] <= done
    marks = (
        Mark.HERE if is_here and not backward else passed,
        Mark.HERE if backward and is_here else Mark.DONE if arrived else Mark.TODO,
        arrived,
    )
    if marks not in item.marked:
        item.marked[marks] = _with_marks(item, tape, *marks)
    return item.marked[marks]


def _with_marks(item: Item, tape: Tape, mark: Mark, gradient_mark: Mark, arrived: bool) -> Node:
    number, gradient = item.completed or (0, None)
    if not number:
        return msgspec.structs.replace(item.node, mark=mark)
    value = item.value
    name = f"d{value.name}" if tape.values.get(value.name) is value else f"d{id(value)}"
    norm = gradient_norm(tape, name, gradient) if arrived else None
    return msgspec.structs.replace(
        item.node,
        mark=mark,
        gradient=1.0 if arrived and value.symbol == "L" else norm,
        gradient_mark=gradient_mark,
    )


def _first_update(tape: Tape, value: Value) -> int:
    """The first event that updates a parameter; 0 where none does."""
    events = tape.versions.events(value.parameter) if value.parameter else []
    return events[0] if events else 0


def _gradient(value: Value, tape: Tape) -> tuple[int, Tensor | None]:
    """The event that completes a value's gradient, 0 where none ever goes there, and the gradient if it is held."""
    if value.symbol == "L":  # its own gradient is 1, there as soon as the backward pass begins
        return next((event.number for event in tape.events if event.phase is Phase.BACKWARD), 0), None
    found = tape.gradient(value.parameter) if value.parameter else None
    return (found[1], found[0]) if found else (value.gradient_event, value.gradient)
