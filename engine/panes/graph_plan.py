"""What stands on which line of the compute graph: a tape's operations, single or folded into modules.

Belongs to the tape alone: the cursor changes marks, never lines, so a plan is made once for each tape and level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from weakref import WeakKeyDictionary

import msgspec
from torch import Tensor

from engine.protocol.positions import Mark, Phase
from engine.protocol.views import Node
from engine.tape.rules.losses import LOSSES
from engine.tape.tape import Event, Tape, Value

LAYERS, OPERATIONS = LEVELS = ("layers", "ops")
_FORWARD = (Phase.FORWARD, Phase.LOSS)
LEAVES = ("parameter", "target", "constant")


@dataclass
class Item:
    """A value of the graph, or a leaf that enters an operation."""

    node: Node  # without marks
    value: Value
    first: int = 0  # numbers of the first and last event that it stands for
    last: int = 0
    made: int = 0  # the event that makes it
    start: int = 0  # its first line, counts from 1; leaves have those of the operation that they enter first
    line: int = 0  # the line of the value itself
    words: str = ""  # what it is found by
    updated: int = 0  # the event that updates it first, where it is a parameter
    completed: tuple[int, Tensor | None] | None = None  # the event that completes its gradient, and that
    marked: dict[tuple[Mark, Mark, bool], Node] = field(default_factory=dict)  # the node with its marks, once made


@dataclass
class GraphPlan:
    """All items in the order of execution; `home` is the item that shows a value, folded ones too."""

    items: list[Item] = field(default_factory=list)
    values: list[Item] = field(default_factory=list)  # those that are no leaves
    value_lines: list[int] = field(default_factory=list)  # the line of each
    home: dict[Value, Item] = field(default_factory=dict)
    by_id: dict[str, Item] = field(default_factory=dict)
    lines: int = 0
    widths: list[int] = field(default_factory=lambda: [0, 0, 0, 0])  # longest leaf, value, shape, operation


_PLANS: WeakKeyDictionary[Tape, dict[tuple[str, ...], GraphPlan]] = WeakKeyDictionary()


def graph_plan(tape: Tape, level: str, toggled: list[str], course: bool) -> GraphPlan:
    """The lines of a tape's graph. `toggled` are the modules that are open where they are usually folded, or folded."""
    plans = _PLANS.setdefault(tape, {})
    key = (level, *sorted(toggled))
    if key not in plans:
        plans[key] = _Builder(tape, level, set(toggled), course).build()
    return plans[key]


class _Builder:
    def __init__(self, tape: Tape, level: str, toggled: set[str], course: bool) -> None:
        self._tape = tape
        self._single = level == OPERATIONS
        self._plan = GraphPlan()
        self._twins = {id(event.twin): event.aten for event in _all(tape) if event.twin is not None}
        events = [event for event in tape.events if event.phase in _FORWARD and event.outputs]
        paths = {event.path for event in events if event.phase is Phase.FORWARD}
        self._modules = {module for path in paths for module in _above(path)[1:]}
        wrappers = {module for module in self._modules if all(_within(path, module) for path in paths)}
        usually = set() if self._single or course else self._modules - wrappers
        self._closed = usually ^ (toggled & self._modules)
        self._events = events

    def build(self) -> GraphPlan:
        """Inputs, then every operation or folded module."""
        for value in self._tape.events[0].outputs:
            if value.symbol == "X":
                self._add(value, Node(value.name, value.name, "input", "", 0, list(value.shape), []))
        for module, group in groupby(self._events, self._folded_into):
            events = list(group)
            if module:
                self._add_folded(module, events)
            else:
                for event in events:
                    self._add_single(event)
        self._name_sides()
        self._place()
        return self._plan

    def _folded_into(self, event: Event) -> str:
        """The outermost folded module that an operation is in; "loss" for the parts of a loss; "" for none."""
        if event.phase is Phase.LOSS:
            return "" if self._single else "loss"
        return next((module for module in reversed(_above(event.path)) if module in self._closed), "")

    def _module_of(self, event: Event) -> str:
        """The innermost module that an operation is in and that can be folded; "" for none."""
        if event.phase is Phase.LOSS:
            return ""
        return next((module for module in _above(event.path) if module in self._modules), "")

    def _add_single(self, event: Event) -> None:
        if self._single:
            for part in event.folded:
                self._add_operation(part, part.aten)
        self._add_operation(event, event.op.name)

    def _add_operation(self, event: Event, op: str) -> None:
        if not self._single and event.inputs and all(value.root().buffer for value in event.inputs):
            return  # a count of batches, say: no part of the path
        inputs = [self._entering(value) for value in self._inputs(event)]
        out = event.outputs[0] if event.outputs else None
        if out is not None and out not in self._plan.home:
            twin = self._twins.get(id(event)) if self._single else None
            self._add_value([event], inputs, f"{op} · {twin}" if twin else op, out.name)

    def _add_folded(self, module: str, events: list[Event]) -> None:
        made = {value for event in events for value in event.outputs}
        roots = {value.root() for event in events for value in event.inputs}
        inner = {value for value in roots if value.parameter and module != "loss"}
        entering: list[str] = []
        for event in events:
            for value in self._inputs(event):
                if value not in made and value not in inner:
                    entering.append(self._entering(value))
        if module == "loss":
            last = events[-1]
            alone = len(events) == 1 or last.aten in LOSSES
            op = last.op.name if alone else f"{len(events)} operations"
            item = self._add_value(events, entering, op, last.outputs[0].name)
        else:
            item = self._add_value(events, entering, f"{len(events)} operations", module, closed=True)
        for value in (*made, *inner):
            self._plan.home.setdefault(value, item)

    def _inputs(self, event: Event) -> Iterator[Value]:
        """What goes in, the main path first, W before b; views are their base unless they have nodes of their own."""
        values = sorted(event.inputs, key=lambda value: -len(value.shape))
        roots = [value if self._single else value.root() for value in values]
        shown = [value for value in dict.fromkeys(roots) if self._is_shown(value)]
        yield from sorted(shown, key=lambda value: self._kind(value) in LEAVES)

    def _is_shown(self, value: Value) -> bool:
        if self._single:
            return not value.buffer
        return not value.nameless and not value.buffer

    def _kind(self, value: Value) -> str:
        if value.parameter:
            return "parameter"
        if value.symbol == "Y":
            return "target"
        return "value" if value in self._plan.home else "constant"

    def _entering(self, value: Value) -> str:
        """The id of what enters an operation; a leaf gets its item when it is first met."""
        if value not in self._plan.home:
            name, kind = value.name or "c", self._kind(value)
            self._add(value, Node(self._id(value), name, kind, "", value.layer, list(value.shape), []))
        return self._plan.home[value].node.id

    def _add_value(self, events: list[Event], inputs: list[str], op: str, label: str, closed: bool = False) -> Item:
        """What an operation makes, or the last of several."""
        last = events[-1]
        out = last.outputs[0]
        kind = "loss" if out.symbol == "L" else "value"
        node = Node(
            self._id(out), label or f"out[{last.number}]", kind, op, last.layer or out.layer, list(out.shape),
            list(dict.fromkeys(inputs)), module=label if closed else self._module_of(last), closed=closed,
        )  # fmt: skip
        item = self._add(out, node)
        item.first, item.last = events[0].number, last.number
        words = (f"{event.op.name} {event.path} {value.name}" for event in events for value in event.outputs)
        item.words = " ".join([item.words, *words]).lower()
        return item

    def _add(self, value: Value, node: Node) -> Item:
        item = Item(node, value, words=f"{node.label} {node.op}".lower())
        self._plan.items.append(item)
        self._plan.home[value] = self._plan.by_id[node.id] = item
        return item

    def _id(self, value: Value) -> str:
        name = value.name or "c"
        return name if name not in self._plan.by_id else f"{name}#{len(self._plan.items)}"

    def _name_sides(self) -> None:
        """Values that are made of leaves alone, for the next operation of the main path, stand aside of it: W[1]ᵀ."""
        of_leaves, wanted = set[str](), set[str]()
        for item in self._plan.items:
            node = item.node
            if node.kind in LEAVES or (node.inputs and not node.closed and of_leaves.issuperset(node.inputs)):
                of_leaves.add(node.id)
        for item in reversed([item for item in self._plan.items if item.node.kind not in LEAVES]):
            if item.node.id in of_leaves & wanted:
                item.node = msgspec.structs.replace(item.node, kind="side")
                wanted.update(item.node.inputs)
            else:
                wanted = set(item.node.inputs)

    def _place(self) -> None:
        """Give every item its lines, as the screen draws them: one for each leaf that enters, then the value."""
        plan, line = self._plan, 1
        above = ""
        for item in plan.items:
            node = item.node
            if node.kind in LEAVES:
                plan.widths[0] = max(plan.widths[0], len(node.label))
                continue
            item.start = line
            leaves = [plan.by_id[each] for each in node.inputs if plan.by_id[each].node.kind in LEAVES]
            for at, leaf in enumerate(leaves):
                if not leaf.line:
                    leaf.start, leaf.line = line, line + at
            line += max(1, len(leaves)) if node.op or node.inputs else 0
            item.line, line = line, line + 1
            if node.kind == "side":
                plan.widths[0] = max(plan.widths[0], len(node.label))
            sizes = (
                len(node.label) + node.closed,
                len("×".join(map(str, node.shape))),
                self._operation_width(node, above),
            )
            above = above if node.kind == "side" else node.id
            plan.widths[1:] = [max(pair) for pair in zip(plan.widths[1:], sizes, strict=True)]
        plan.lines = line - 1
        plan.values = [item for item in plan.items if item.node.kind not in LEAVES]
        plan.value_lines = [item.line for item in plan.values]
        for item in plan.items:
            item.made = item.last or (item.value.event.number if item.value.event else 0)

    def _operation_width(self, node: Node, above: str) -> int:
        """The cells of an operation as the screen writes it: with what else enters it, and what it does not follow."""
        entering = [self._plan.by_id[each].node for each in node.inputs]
        values = [each for each in entering if each.kind not in (*LEAVES, "side")]
        more = sum(len(f" + {each.label}") for each in values[1:])
        return len(node.op) + more + (len(f" ← {values[0].label}") if values and values[0].id != above else 0)


def _all(tape: Tape) -> Iterator[Event]:
    for event in tape.events:
        yield from event.folded
        yield event


def _above(path: str) -> list[str]:
    """A module and those that it is in, the innermost first; not the model."""
    parts = path.split(".") if path else []
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _within(path: str, module: str) -> bool:
    return path == module or path.startswith(f"{module}.")
