"""Raw log → events, values and versions, when a tape is first read.

One class, longer than others: all that it makes shares the numbers of events and the table of known values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from engine.protocol.positions import Phase
from engine.statistics import statistics
from engine.tape.backward import Pass, Step
from engine.tape.cells import Clock, spread
from engine.tape.log import Log
from engine.tape.naming import SAID, Naming
from engine.tape.operations import FOLDED, Operation, operation
from engine.tape.phases import functions_in, phases_of
from engine.tape.raw import (
    AtenOp,
    Between,
    Entered,
    Left,
    OpRow,
    Stepped,
    Version,
    arguments,
    storage_of,
    tensors_in,
    written,
)
from engine.tape.sources import line_of
from engine.tape.tape import Event, Loss, Tape, Value
from engine.tape.tracked import Tracked
from engine.tape.versions import GONE, LEFT

_OTHER_VIEWS = {"select", "slice", "split", "split_with_sizes", "chunk", "narrow", "unbind"}  # of other elements
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
_FOLDED_NODES = {"CloneBackward0", "AccumulateGrad", "AsStridedBackward0"}
_WRITE = "write"  # of part of a tensor, which autograd has a node of its own for


class Builder:
    """Makes one tape of one log. Values past `budget` bytes keep statistics only, but for events in `wanted`."""

    def __init__(self, naming: Naming, tracked: Tracked, log: Log, budget: int, wanted: frozenset[int]) -> None:
        self.tape: Tape
        self.losses: Mapping[str, Tensor] = {}
        self._naming, self._tracked, self._log = naming, tracked, log
        self._budget, self._wanted = budget, wanted
        self._loaded: list[tuple[str, str, Tensor]] = []
        self._known: dict[int, tuple[Tensor, Value]] = {}  # by id of a tensor that is held, so that the id is its own
        self._stored = set[int]()  # storages that are counted
        self._pending: list[Event] = []
        self._by_sequence: dict[int, Event] = {}
        self._writes: dict[int, Event] = {}  # into parts of tensors, by the numbers of autograd's CopySlices
        self._last_backward: Event | None = None
        self._given: dict[str, int] = {}  # how often a name was
        self._layer = 0
        self._clock = Clock(naming.cells)
        self._place = 0  # in the log
        self._functions: dict[int, Any] = {}  # sequence number → Python Function's node
        self._function: list[Event] | None = None  # inner operations of the one that runs
        self._running: OpRow | None = None  # its first
        self._gradients = 0  # bytes

    def load(self, found: list[tuple[str, str, Tensor]]) -> None:
        """The values of the first event."""
        self._loaded = found

    def build(self, tape: Tape) -> None:
        """Fill the tape; what was only needed for it is let go."""
        self.tape = tape
        rows = self._log.rows
        self._introduce_state()
        self._load_event()
        phases = phases_of(rows, self._tracked)
        names = self._loss_names([row for row in rows if isinstance(row, Pass)])
        found = self._carried(rows)
        self._functions = dict(functions_in(rows))
        for place, row in enumerate(rows[found:], found):
            self._place = place
            self._leave_function(row)
            match row:
                case OpRow():
                    self._operation(row, phases.get(place, row.phase))
                case Left():
                    self._leave_module(row)
                case Entered():
                    self._clock.restart()
                case Version():
                    self._put(
                        row, len(self.tape.events) + 1 if self._before_last(rows, place) else len(self.tape.events)
                    )
                case Pass():
                    self._backward(row, names.pop(0))
                case Between():
                    self._between(row)
                case Stepped():
                    self._updates(row)
        self._leave_function(None)
        spread(self.tape.events)
        self._let_go()

    def _drop_pending(self) -> None:
        self.tape.aside += self._pending
        self._pending = []

    def _let_go(self) -> None:
        self._drop_pending()
        self._known.clear()
        self._by_sequence.clear()
        self._writes.clear()
        self._functions.clear()
        self._log.rows, self._log.saved = [], {}
        self._tracked.passes.clear()

    @staticmethod
    def _before_last(rows: list[Any], place: int) -> bool:
        """Whether an event follows that makes a version; those at the very end belong to the last event."""
        return any(not isinstance(row, Version | Left | Entered) for row in rows[place + 1 : place + 64])

    # ── before the program ────────────────────────────────────────────────────────────────────────────────────────────

    def _introduce_state(self) -> None:
        naming, tracked = self._naming, self._tracked
        for name, parameter in tracked.parameters.items():
            layer = naming.layer_of.get(name, 0)
            self._introduce(parameter, Value(naming.short_name.get(name, name), parameter=name, layer=layer))
        for name, leaf in tracked.loose.items():
            self._introduce(leaf, Value(name), hold=True)
        for name, buffer in tracked.buffers.items():
            self._introduce(buffer, Value(name, buffer=name))
        for key, index in tracked.places().items():
            self.tape.places[key] = index

    def _load_event(self) -> None:
        values = []
        for name, symbol, tensor in self._loaded:
            value = self._introduce(tensor, Value(name, symbol), hold=True)
            self.tape.values[name] = value
            values.append(value)
        event = Event(Phase.LOAD, Operation("load"), "load", outputs=tuple(values))
        self.tape.add(event)
        for value in values:
            value.event = event

    def _carried(self, rows: list[Any]) -> int:
        """The gradients that the batch found, there from its first event on; how many rows they are."""
        found = next((place for place, row in enumerate(rows) if not isinstance(row, Version) or row.gone), len(rows))
        for version in rows[:found]:
            self._put(version, len(self.tape.events))
        return found

    # ── operations ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _operation(self, row: OpRow, phase: Phase) -> None:
        info = row.info
        tensors = tensors_in((*row.args, *row.kwargs.values())) if row.kwargs else tensors_in(row.args)
        if info.detach:
            self._detached(row, tensors)
            return
        inputs = tuple(self._value_of(tensor) for tensor in tensors)
        layer = 0
        if phase is Phase.FORWARD:
            self._layer = layer = self._naming.layer_at(row.path) or self._layer
        masked = any(value.name.startswith("mask") and value.nameless for value in inputs)
        op = operation("dropout") if info.operation.name == "mul" and masked else info.operation
        event = Event(phase, op, info.aten, layer, self._clock.time(row.path), row.path, inputs=inputs)
        if not info.folded:
            event.arguments = arguments(info, row.args, row.kwargs, inputs)
        if info.written:
            self._stored.difference_update(storage_of(tensor) for tensor in written(info, row.args, row.kwargs))
        outs = tensors_in((row.out,))
        event.outputs = tuple(self._made(event, info, inputs, tensor) for tensor in outs)
        known = self._by_sequence.setdefault(row.sequence, event)
        if info.written and known.aten == "clone" and known.inputs[:1] == inputs[:1]:  # autograd's own
            self._by_sequence.setdefault(row.sequence - 1, event)
        if not row.graph and phase in (Phase.FORWARD, Phase.LOSS) and self._function is None:
            _mark_cut(event, tensors, outs, row)
        self._take(event, info.folded or (info.aten == "div_" and masked), row)  # a mask is scaled before it is used
        if info.written and tensors:
            self._written_into(row, event, tensors[0], inputs)

    def _take(self, event: Event, folded: bool, row: OpRow) -> None:
        if self._function is not None:
            self._function.append(event)
        elif folded:
            self._pending.append(event)
        else:
            self._add(event, line_of(row.place))

    def _add(self, event: Event, source: str) -> None:
        event.folded, self._pending = (*event.folded, *self._pending), []
        event.source = source
        self.tape.add(event)
        for folded in event.folded:
            folded.number = event.number
        if event.outputs and not event.outputs[0].name:
            event.outputs[0].name = f"out[{event.number}]"

    def _made(self, event: Event, info: AtenOp, inputs: tuple[Value, ...], tensor: Tensor) -> Value:
        known = self._known.get(id(tensor))
        root = None if known is None else known[1].root()
        if root is not None and self._is_in_state(tensor, root) and tensor.numel() == math.prod(root.shape):
            return root  # written in place: a version of it
        value = Value(layer=event.layer)
        value.event = event
        first = inputs[0] if inputs else None
        if info.view and first is not None:
            value.base, value.name = first, self._view_name(info.aten, first, tensor)
        elif info.aten == "bernoulli_" or (info.aten == "div_" and first is not None and first.name.startswith("mask")):
            value.name = self._numbered("mask")
        elif self._names_outputs(info) and first is not None and _whose(first).symbol in ("Z", "N"):
            self._name(value, "A", _whose(first).layer)
        if info.folded and not value.name:
            value.name = self._numbered("c")
        self._introduce(tensor, value, hold=True)
        return value

    def _names_outputs(self, info: AtenOp) -> bool:
        """Whether what an operation gives is a layer's A: what a Function does inside is its own affair."""
        return info.operation.activation and self._function is None

    def _view_name(self, aten: str, of: Value, view: Tensor) -> str:
        if aten in ("t", "transpose"):
            return of.name.removesuffix("ᵀ") if of.name.endswith("ᵀ") else of.name + "ᵀ"
        if aten not in _OTHER_VIEWS and view.numel() == math.prod(of.shape):
            return of.name
        return self._numbered(
            of.name.rstrip(_SUBSCRIPTS) if of.name.rstrip(_SUBSCRIPTS).endswith("[…]") else f"{of.name}[…]"
        )

    def _numbered(self, name: str) -> str:
        """A name that is given to one value alone: c, c₂, c₃."""
        self._given[name] = number = self._given.get(name, 0) + 1
        return name if number == 1 else name + "".join(_SUBSCRIPTS[int(digit)] for digit in str(number))

    def _detached(self, row: OpRow, tensors: list[Tensor]) -> None:
        source = self._known.get(id(tensors[0]))
        if source is None or not (source[1].name or tensors[0].requires_grad):
            return  # zeros and the like, of torch's own
        value = Value(source[1].name or self._numbered("c"), layer=source[1].layer, base=source[1])
        value.event = source[1].event
        if tensors[0].requires_grad:
            value.cut, value.cut_at = "detach", line_of(row.place)
        self._introduce(row.out, value, hold=True)

    def _written_into(self, row: OpRow, event: Event, view: Tensor, inputs: tuple[Value, ...]) -> None:
        """A write into part of a tensor makes the whole another value, by an event that reads both."""
        base = view._base
        known = None if base is None else self._known.get(id(base))
        if base is None or known is None or known[1].parameter or known[1].buffer or inputs[0].root() is inputs[0]:
            return
        part = inputs[1:] if event.aten == "copy_" else event.outputs
        write = Event(event.phase, Operation(_WRITE), _WRITE, event.layer, event.time, event.path)
        write.inputs = (known[1], *part)
        constant = all(value.nameless for value in write.inputs)
        whole = Value(self._numbered("c") if constant else "", layer=event.layer)
        whole.event, write.outputs = write, (whole,)
        self._introduce(base, whole, hold=True)
        self._writes[row.sequence + 1] = write
        self._take(write, constant, row)

    def _name(self, value: Value, symbol: str, layer: int) -> None:
        self._give(value, symbol, f"{symbol}[{layer}]")
        value.layer = layer

    def _give(self, value: Value, symbol: str, name: str) -> None:
        calls = 1
        while (name if calls == 1 else f"{name}/{calls}") in self.tape.values:
            calls += 1
        value.symbol = symbol
        value.name = name if calls == 1 else f"{name}/{calls}"
        self.tape.values[value.name] = value

    def _leave_module(self, left: Left) -> None:
        symbol, layer, said = left.part
        known = [self._known[id(tensor)][1] for tensor in tensors_in((left.output,)) if id(tensor) in self._known]
        values = [value for value in known if not (value.symbol or value.parameter or value.buffer)]
        if layer in self._clock:
            for of_cell, own, name in self._clock.tick(layer, values, self.tape.events):
                self._give(of_cell, own, name)
                of_cell.layer = layer
            self.tape.values.update({f"A[{layer}]": state for state in values[:1]})  # what it gives in the end
        elif symbol and values and values[0] is known[0]:
            self._name(values[0], symbol, layer)
        if said and known:
            self._say(known[0], said)

    def _say(self, value: Value, name: str) -> None:
        """What the model calls it is its name where it has none but a layer's; this one stays, too."""
        symbol = name.partition("[")[0]
        if value.symbol in ("", "Z") and symbol in SAID:
            self._give(value, symbol, name)
        else:
            self.tape.values.setdefault(name, value)

    # ── an autograd.Function ──────────────────────────────────────────────────────────────────────────────────────────

    def _leave_function(self, row: Any) -> None:
        """Begin or end what an autograd.Function does inside, which is one operation to the user."""
        inside = isinstance(row, OpRow) and not row.graph and row.sequence in self._functions
        first = self._running
        if first is not None and not (inside and row.sequence == first.sequence):
            self._function_event(first, self._functions[first.sequence])
        if inside and self._running is None:
            self._function, self._running = [], row

    def _function_event(self, row: OpRow, node: Any) -> None:
        inner = self._function or []
        self._function = self._running = None
        made = {value for event in inner for value in event.outputs}
        inputs = dict.fromkeys(v for event in inner for v in event.inputs if v not in made)
        name = node.name().removesuffix("Backward")
        layer = self._naming.layer_at(row.path) or self._layer if row.phase is Phase.FORWARD else 0
        event = Event(row.phase, Operation(name), name, layer, self._clock.time(row.path), row.path)
        event.inputs = tuple(inputs)
        outs = [t for t, value in list(self._known.values()) if value in made and t.grad_fn is node]
        for tensor in sorted(outs, key=lambda tensor: tensor.output_nr):
            value = Value(layer=layer)
            value.event = event
            self._introduce(tensor, value, hold=True)
            event.outputs = (*event.outputs, value)
        self._by_sequence[row.sequence] = event
        event.folded = tuple(inner)
        self._add(event, line_of(row.place))

    # ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _value_of(self, tensor: Tensor) -> Value:
        known = self._known.get(id(tensor))
        return known[1] if known else self._introduce(tensor, Value(self._numbered("c")), hold=True)

    def _introduce(self, tensor: Tensor, value: Value, *, hold: bool = False) -> Value:
        value.shape, value.dtype = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
        self._known[id(tensor)] = (tensor, value)
        if hold and not (value.parameter or value.buffer):
            self._hold(tensor, value)
        return value

    def _hold(self, tensor: Tensor, value: Value) -> None:
        storage = storage_of(tensor)
        size = 0 if storage in self._stored or not storage else tensor.untyped_storage().nbytes()
        self._stored.add(storage)
        then = self._as_it_was(tensor, value, storage)
        number = len(self.tape) + 1  # of the event that this value belongs to, or is folded into
        if self.tape.bytes + size > self._budget and number not in self._wanted and value.symbol not in ("X", "Y"):
            value.statistics = statistics(value.name, then)
            return
        self.tape.bytes += size
        value.tensor = then

    def _as_it_was(self, tensor: Tensor, value: Value, storage: int) -> Tensor:
        """The tensor as it was when this place of the log was written."""
        root = value.root()
        if storage and self._is_in_state(tensor, root):
            return self._of_state(tensor, root.parameter or root.buffer)
        made = value.event is not None
        for place, kept in self._log.saved.get(storage, ()):
            if place > self._place or (place == self._place and not made):
                empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
                return empty.set_(kept, tensor.storage_offset(), tensor.shape, tensor.stride())
        return tensor.detach()

    def _is_in_state(self, tensor: Tensor, root: Value) -> bool:
        """Whether a tensor lies where a parameter or buffer does: what is called a view of one may be a copy."""
        name = root.parameter or root.buffer
        return bool(name) and storage_of(tensor) == storage_of(self._tracked.live(name))

    def _of_state(self, tensor: Tensor, name: str) -> Tensor:
        """A view of a parameter or buffer, as that is here: what lies in its memory by now may be of a later batch."""
        then, live = self._state_here(name), self._tracked.live(name)
        if then is None or then.stride() != live.stride() or then.dtype != tensor.dtype:
            return tensor.detach()
        offset = then.storage_offset() + tensor.storage_offset() - live.storage_offset()  # states share one memory
        return then.as_strided(tensor.shape, tensor.stride(), offset)

    def _state_here(self, name: str) -> Tensor | None:
        put = self.tape.versions.newest(name, len(self.tape) + 1)
        if put is None:
            return self.tape.before.tensors.get(name)
        if put[1] is not LEFT:
            found: Tensor = put[1]
            return found
        after = self.tape.after.tensors if self.tape.after is not self.tape.before else {}
        return after[name] if name in after else self._tracked.live(name).detach().clone()  # read while it is the last

    # ── backward ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _loss_names(self, passes: list[Pass]) -> list[str]:
        if len(passes) == 1:
            return ["ℒ"]
        names: list[str] = []
        for passed in passes:
            returned = next((k for k, loss in self.losses.items() if loss is passed.roots[0] and k), "")
            name = first = returned or passed.name or "ℒ"
            name = first = "ℒ" if name == "loss" else first
            calls = 1
            while name in names:
                calls += 1
                name = f"{first}/{calls}"
            names.append(name)
        return names

    def _backward(self, passed: Pass, name: str) -> None:
        self._drop_pending()
        self._last_backward, begun = None, len(self.tape)
        value = self._value_of(passed.roots[0])
        value.name, value.symbol = name, "L"
        self.tape.values[name] = value
        for step in passed.steps():
            if isinstance(step, Version):
                self._put(step, self._last_backward.number if self._last_backward is not None else begun)
                self._of_loose(step)
            else:
                self._step(passed, step)
        number = float(passed.roots[0].detach().real.sum())
        self.tape.losses[name] = Loss(value, value.event, begun + 1, len(self.tape), number)

    def _of_loose(self, version: Version) -> None:
        leaf = self._tracked.loose.get(version.name[1:])
        if leaf is not None and self._last_backward is not None:
            value = self._value_of(leaf)
            value.gradient, value.gradient_event = version.tensor, self._last_backward.number

    def _step(self, passed: Pass, step: Step) -> None:
        name, twin = step.node.name(), self._event_of(step.node)
        targets = [self._target(node, index) for node, index in step.node.next_functions]
        arrived = tuple(None if place is None else passed.captured[place] for place in step.arrived)
        left = tuple(None if place is None else passed.captured[place] for place in step.left)
        if not self._room_for(left):
            arrived, left = (None,) * len(arrived), (None,) * len(left)
        for value, gradient in zip(twin.outputs if twin else (), arrived, strict=False):
            value.gradient = gradient
        op = twin.op if twin else Operation(name.removesuffix("Backward0"))
        event = Event(Phase.BACKWARD, op, name, gradients_in=arrived, twin=twin)
        event.gradients_out = tuple(zip(targets, left, strict=False))
        if twin is not None:
            event.layer, event.path, event.source = twin.layer, twin.path, twin.source
            event.inputs, event.outputs = twin.outputs, twin.inputs
        self._add_backward(event, name in _FOLDED_NODES or (twin is not None and twin.aten in FOLDED))
        for target in targets:
            if target is not None:
                target.gradient_event = event.number

    def _add_backward(self, event: Event, folded: bool) -> None:
        if folded and self._last_backward is not None:
            self._last_backward.folded = (*self._last_backward.folded, event)
            event.number = self._last_backward.number
        else:
            self.tape.add(event)
            self._last_backward = event

    def _target(self, node: Any, index: int) -> Value | None:
        if node is None:
            return None
        if node.name().endswith("AccumulateGrad"):
            known = self._known.get(id(node.variable))
            return known[1] if known else None
        event = self._event_of(node)
        return event.outputs[index] if event is not None and index < len(event.outputs) else None

    def _event_of(self, node: Any) -> Event | None:
        """The forward event of a node; the number of a part's write is that of the operation before it, and one."""
        found = self._writes if node.name().endswith("CopySlices") else self._by_sequence
        return found.get(node._sequence_nr())

    def _room_for(self, gradients: tuple[Tensor | None, ...]) -> bool:
        size = sum(each.untyped_storage().nbytes() for each in gradients if each is not None and storage_of(each))
        if self.tape.bytes + size > self._budget and not self._wanted & {len(self.tape), len(self.tape) + 1}:
            return False
        self.tape.bytes += size
        return True

    # ── between, and updates ──────────────────────────────────────────────────────────────────────────────────────────

    def _between(self, between: Between) -> None:
        self._drop_pending()
        changed = list(between.parameters)
        inner: list[Event] = []
        event = Event(Phase.BETWEEN, Operation(between.kind), between.kind, source=line_of(between.place))
        self._function = inner
        for row in between.rows:
            if isinstance(row, OpRow):
                self._operation(row, Phase.BETWEEN)
            elif isinstance(row, Version):
                self._put(row, len(self.tape) + 1)
                changed.append(row.name[1:])
        self._function = None
        event.changed = tuple(dict.fromkeys(changed))
        values = [self._value_of(self._tracked.live(name)) for name in event.changed]
        event.inputs = event.outputs = tuple(values)
        event.folded = tuple(inner)
        event.norm = _norm(between)
        self._add(event, event.source)

    def _updates(self, stepped: Stepped) -> None:
        self._drop_pending()
        for update in stepped.updates:
            value = self._value_of(self._tracked.live(update.name))
            layer = self._naming.layer_of.get(update.name, 0)
            event = Event(Phase.UPDATE, Operation(stepped.kind), stepped.kind, layer, inputs=(value,), outputs=(value,))
            event.parameter, event.path = update.name, update.name.rpartition(".")[0]
            event.optimizer, event.group = stepped.optimizer, update.group
            event.settings, event.source = stepped.groups[update.group], line_of(stepped.place)
            self.tape.add(event)
            self._put(update.version, event.number)
            state = LEFT if update.state is None else update.state
            self.tape.versions.put((stepped.optimizer, update.name), event.number, state)

    def _put(self, version: Version, number: int) -> None:
        version.number = number
        value = GONE if version.gone else LEFT if version.tensor is None else version.tensor
        self.tape.versions.put(version.name, number, value)


def _whose(value: Value) -> Value:
    """The value that this is, is a view of, or is with parts of it overwritten."""
    root = value.root()
    while root.event is not None and root.event.aten == _WRITE:
        root = root.event.inputs[0].root()
    return root


def _mark_cut(event: Event, tensors: list[Tensor], outs: list[Tensor], row: OpRow) -> None:
    """Say of what is made without a graph, out of something that has one, that no gradient comes back through it."""
    if any(tensor.requires_grad for tensor in tensors):
        for value, tensor in zip(event.outputs, outs, strict=True):
            if not tensor.requires_grad and not value.parameter:
                value.cut, value.cut_at = "no_grad", line_of(row.place)


def _norm(between: Between) -> float | None:
    """The norm that gradients are clipped by: of torch's own function, the last that is taken."""
    taken = [row.out for row in between.rows if isinstance(row, OpRow) and row.info.aten == "linalg_vector_norm"]
    return float(taken[-1]) if taken and between.kind == "clip" else None
