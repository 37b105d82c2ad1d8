"""Records one mini-batch as a tape, without changing a bit of what it computes.

The forward pass is seen by a TorchDispatchMode, which every tensor operation goes through. Backward, each node of the
autograd graph reports the gradients that came in and went out; its sequence number ties it to the forward operation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

import engine
from engine.experiments import models
from engine.experiments.models import Layer
from engine.protocol.positions import Phase
from engine.statistics import statistics
from engine.tape.naming import Naming
from engine.tape.operations import FOLDED, VIEWS, Operation, operation
from engine.tape.tape import Event, Tape, Value

_TORCH = str(Path(torch.__file__).parent)
_OWN = str(Path(engine.__file__).parent)
_USERS = {models.__file__}  # ours, and yet what is debugged
_PARTIAL_VIEWS = {"select", "slice", "split", "split_with_sizes", "chunk", "narrow", "unbind"}
_FOLDED_NODES = {"CloneBackward0", "AccumulateGrad"}


@dataclass(frozen=True, slots=True)
class _AtenOp:
    """What is to be known about an operator, looked up once."""

    aten: str
    operation: Operation
    folded: bool
    view: bool
    written: tuple[int | str, ...]  # the arguments that it writes into, by place and by keyword
    skipped: bool


class Recorder(TorchDispatchMode):
    """Writes a Tape while a mini-batch runs. `budget` bounds the bytes of tensors held; the
    values of events numbered in `wanted` are always held."""

    def __init__(
        self, tape: Tape, model: nn.Module, naming: Naming, budget: int, wanted: frozenset[int] = frozenset()
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tape = tape
        self.phase = Phase.LOAD
        self._naming = naming
        self._budget = budget
        self._wanted = wanted
        self._model = model
        self._paths = {id(module): path for path, module in model.named_modules()}
        self._stack: list[str] = []
        self._layer = 0
        self._known: dict[
            int, tuple[Tensor, Value]
        ] = {}  # id of the tensor → itself (so that the id stays its own), value
        self._stored: dict[int, list[Value]] = {}  # storage → values that share it
        self._pending: list[Event] = []
        self._by_sequence: dict[int, Event] = {}
        self._last_backward: Event | None = None
        self._parts = _layer_parts(naming)
        self._buffers = {id(buffer): name for name, buffer in model.named_buffers()}
        for name, parameter in model.named_parameters():
            self._introduce(parameter, Value(naming.short_name[name], parameter=name, layer=naming.layer_of[name]))
        for name, buffer in model.named_buffers():
            self._introduce(buffer, Value(name, buffer=name))

    # ── the batch comes in ────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, inputs: tuple[Tensor, ...], targets: Any) -> None:
        """The first event: which examples were loaded."""
        values = []
        for number, tensor in enumerate(inputs):
            if isinstance(tensor, Tensor):
                values.append(
                    self._introduce(tensor, Value("A[0]" if number == 0 else f"X{number + 1}", "X"), hold=True)
                )
        if isinstance(targets, Tensor):
            values.append(self._introduce(targets, Value("Y", "Y"), hold=True))
        self.tape.add(Event(Phase.LOAD, Operation("load"), "load", outputs=tuple(values)))
        for value in values:
            value.event = self.tape.events[0]
            self.tape.values[value.name] = value

    # ── forward ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def forward(self) -> Iterator[None]:
        """While this is open, every operation of the model and of the loss is recorded."""
        handles = [
            register_module_forward_pre_hook(self._enter_module),
            register_module_forward_hook(self._leave_module),
        ]
        self.phase = Phase.FORWARD
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()
            self._stack.clear()

    def begin_loss(self) -> None:
        """From here on, operations belong to the loss."""
        self.phase = Phase.LOSS

    def name_loss(self, loss: Tensor) -> None:
        """The tensor that `backward` will start from."""
        value = self._value_of(loss)
        value.name, value.symbol = "ℒ", "L"
        self.tape.values["ℒ"] = value

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and note what it did."""
        info = _OPS.get(func) or _describe(func)
        if info.skipped:
            return func(*args, **(kwargs or {}))
        tensors = _tensors(args) if not kwargs else _tensors((*args, *kwargs.values()))
        inputs = tuple(self._value_of(tensor) for tensor in tensors)
        if info.written:
            written = [
                (kwargs or {}).get(w) if isinstance(w, str) else args[w]
                for w in info.written
                if isinstance(w, str) or w < len(args)
            ]
            self._keep_before_overwriting(_tensors(written))
        out = func(*args, **(kwargs or {}))
        self._note(info, inputs, tensors, out)
        return out

    def _note(self, info: _AtenOp, inputs: tuple[Value, ...], tensors: list[Tensor], out: Any) -> None:
        path = self._stack[-1] if self._stack else ""
        layer = 0
        if self.phase is Phase.FORWARD:
            self._layer = layer = self._naming.layer_at(path) or self._layer
        op = info.operation
        masked = any(v.name == "mask" for v in inputs)
        if op.name == "mul" and masked:
            op = operation("dropout")
        event = Event(self.phase, op, info.aten, layer, path, inputs=inputs)
        event.outputs = tuple(self._made(event, info, inputs, tensor) for tensor in _tensors((out,)))
        self._by_sequence.setdefault(_sequence_now(), event)
        self._note_buffers(event, tensors)
        if info.folded or (info.aten == "div_" and masked):  # a dropout mask is scaled before it is used
            self._pending.append(event)
            return
        event.folded, self._pending = tuple(self._pending), []
        event.source = _source_line()
        self.tape.add(event)
        for folded in event.folded:
            folded.number = event.number
        if event.outputs and not event.outputs[0].name:
            event.outputs[0].name = f"out[{event.number}]"

    def _made(self, event: Event, info: _AtenOp, inputs: tuple[Value, ...], tensor: Tensor) -> Value:
        value = Value(layer=event.layer)
        value.event = event
        first = inputs[0] if inputs else None
        if info.view and first is not None:
            value.base, value.name = first, _view_name(info.aten, first.name)
        elif info.aten == "bernoulli_" or (info.aten == "div_" and first is not None and first.name == "mask"):
            value.name = "mask"
        elif info.operation.activation and first is not None and first.root().symbol in ("Z", "N"):
            self._name(value, "A", first.root().layer)
        return self._introduce(tensor, value, hold=True)

    def _name(self, value: Value, symbol: str, layer: int) -> None:
        name = f"{symbol}[{layer}]"
        calls = 1
        while (name if calls == 1 else f"{name}/{calls}") in self.tape.values:
            calls += 1
        value.symbol, value.layer = symbol, layer
        value.name = name if calls == 1 else f"{name}/{calls}"
        self.tape.values[value.name] = value

    def _note_buffers(self, event: Event, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            name = self._buffers.get(id(tensor))
            if name is not None:
                event.buffers[name] = tensor.detach().clone()

    def _enter_module(self, module: nn.Module, args: Any) -> None:
        self._stack.append(self._paths.get(id(module), self._stack[-1] if self._stack else "loss"))

    def _leave_module(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._stack:
            self._stack.pop()
        part = self._parts.get(id(module))
        tensors = _tensors((output,)) if part else []
        if part is None or not tensors:
            return
        value = self._known.get(id(tensors[0]), (None, None))[1]
        if value is not None and not value.symbol and not value.parameter and not value.buffer:
            self._name(value, *part)

    # ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _value_of(self, tensor: Tensor) -> Value:
        known = self._known.get(id(tensor))
        return known[1] if known else self._introduce(tensor, Value("c"), hold=True)

    def _introduce(self, tensor: Tensor, value: Value, *, hold: bool = False) -> Value:
        value.shape, value.dtype = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
        value.needs_gradient = tensor.requires_grad
        self._known[id(tensor)] = (tensor, value)
        if hold and not (value.parameter or value.buffer):
            self._hold(tensor, value)
        return value

    def _hold(self, tensor: Tensor, value: Value) -> None:
        storage = tensor.untyped_storage()
        sharers = self._stored.setdefault(storage._cdata, [])
        size = 0 if sharers else storage.nbytes()
        number = len(self.tape) + 1  # of the event that this value belongs to, or is folded into
        if self.tape.bytes + size > self._budget and number not in self._wanted and value.symbol not in ("X", "Y"):
            value.statistics = statistics(value.name, tensor)
            return
        self.tape.bytes += size
        value.tensor = tensor.detach()
        sharers.append(value)

    def _keep_before_overwriting(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            for value in self._stored.pop(tensor.untyped_storage()._cdata, []):
                if value.tensor is not None:
                    value.tensor = value.tensor.clone()

    # ── backward ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def backward(self, loss: Tensor) -> Iterator[None]:
        """While this is open, `loss.backward()` reports each node's gradients. Hooks are always removed again."""
        self.phase = Phase.BACKWARD
        self._stored.clear()
        handles = [*self._hook_nodes(loss), *self._hook_parameters()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook_nodes(self, loss: Tensor) -> list[Any]:
        handles, queue, seen = [], [loss.grad_fn], set()
        while queue:
            node = queue.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            queue.extend(following for following, _ in node.next_functions)
            if not node.name().endswith("AccumulateGrad"):
                handles.append(node.register_hook(self._node_hook(node)))
        return handles

    def _node_hook(self, node: Any) -> Callable[[Any, Any], None]:
        """The hook holds events and values, never the node itself: that would keep the whole graph alive."""
        name, twin = node.name(), self._by_sequence.get(node._sequence_nr())
        targets = [self._target(following, index) for following, index in node.next_functions]

        def report(gradients_out: tuple[Tensor | None, ...], gradients_in: tuple[Tensor | None, ...]) -> None:
            self._note_backward(name, twin, targets, gradients_in, gradients_out)

        return report

    def _target(self, node: Any, index: int) -> Value | None:
        if node is None:
            return None
        if node.name().endswith("AccumulateGrad"):
            known = self._known.get(id(node.variable))
            return known[1] if known else None
        event = self._by_sequence.get(node._sequence_nr())
        return event.outputs[index] if event is not None and index < len(event.outputs) else None

    def _note_backward(
        self,
        name: str,
        twin: Event | None,
        targets: list[Value | None],
        gradients_in: tuple[Tensor | None, ...],
        gradients_out: tuple[Tensor | None, ...],
    ) -> None:
        if not self._room_for(gradients_out):
            gradients_in, gradients_out = tuple(None for _ in gradients_in), tuple(None for _ in gradients_out)
        for value, gradient in zip(twin.outputs if twin else (), gradients_in, strict=False):
            value.gradient = gradient
        op = twin.op if twin else Operation(name.removesuffix("Backward0"))
        event = Event(Phase.BACKWARD, op, name, gradients_in=gradients_in, twin=twin)
        event.gradients_out = tuple(zip(targets, gradients_out, strict=False))
        folded = self._last_backward is not None and (
            name in _FOLDED_NODES or (twin is not None and twin.aten in FOLDED)
        )
        if twin is not None:
            event.layer, event.path, event.source = twin.layer, twin.path, twin.source
            event.inputs, event.outputs = twin.outputs, twin.inputs
        if folded and self._last_backward is not None:
            self._last_backward.folded = (*self._last_backward.folded, event)
            event.number = self._last_backward.number
        else:
            self.tape.add(event)
            self._last_backward = event
        for target in targets:
            if target is not None:
                target.gradient_event = event.number

    def _room_for(self, gradients: tuple[Tensor | None, ...]) -> bool:
        size = sum(gradient.untyped_storage().nbytes() for gradient in gradients if gradient is not None)
        if self.tape.bytes + size > self._budget and not self._wanted & {len(self.tape), len(self.tape) + 1}:
            return False
        self.tape.bytes += size
        return True

    def _hook_parameters(self) -> list[Any]:
        def report_for(name: str) -> Callable[[Tensor], None]:
            def report(parameter: Tensor) -> None:
                if parameter.grad is not None and self._last_backward is not None:
                    gradient = parameter.grad.detach().clone()
                    self.tape.parameter_gradients[name] = (gradient, self._last_backward.number)

            return report

        return [
            parameter.register_post_accumulate_grad_hook(report_for(name))
            for name, parameter in self._model.named_parameters()
            if parameter.requires_grad
        ]

    # ── update ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def update(self, op_name: str, parameters: list[str]) -> None:
        """One event for each parameter that the optimizer was given a gradient for, in its order."""
        self.phase = Phase.UPDATE
        for name in parameters:
            value = self._known_parameter(name)
            event = Event(Phase.UPDATE, Operation(op_name), op_name, self._naming.layer_of[name], inputs=(value,))
            event.outputs, event.parameter, event.path = (value,), name, name.rpartition(".")[0]
            self.tape.add(event)

    def finish(self) -> None:
        """Forget what is only needed while recording, so that the graph can be freed."""
        self._known.clear()
        self._stored.clear()
        self._by_sequence.clear()

    def _known_parameter(self, name: str) -> Value:
        return self._known[id(self._model.get_parameter(name))][1]


_STAGES = {"linear": "Z", "norm": "N", "dropout": "D"}  # of a Layer, and what they give


def _layer_parts(naming: Naming) -> dict[int, tuple[str, int]]:
    parts: dict[int, tuple[str, int]] = {}
    for layer in naming.layers:
        if isinstance(layer.module, Layer):
            stages = dict(layer.module.named_children())
            parts |= {id(stages[name]): (symbol, layer.index) for name, symbol in _STAGES.items() if name in stages}
        else:
            parts[id(layer.module)] = ("Z", layer.index)
    return parts


_OPS: dict[Any, _AtenOp] = {}


def _describe(func: Any) -> _AtenOp:
    aten = func._schema.name.partition("::")[2]
    folded = aten in FOLDED
    arguments = [(place, a) for place, a in enumerate(func._schema.arguments) if a.alias_info and a.alias_info.is_write]
    written = tuple(a.name if a.kwarg_only else place for place, a in arguments)
    info = _AtenOp(aten, operation(aten), folded, aten in VIEWS, written, aten == "detach")
    _OPS[func] = info
    return info


def _sequence_now() -> int:
    return int(torch._C._autograd._get_sequence_nr()) - 1


def _tensors(items: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for item in items:
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, list | tuple):
            found.extend(_tensors(item))
        elif isinstance(item, dict):
            found.extend(_tensors(item.values()))
    return found


def _view_name(aten: str, name: str) -> str:
    if aten == "t" or aten == "transpose":
        return name.removesuffix("ᵀ") if name.endswith("ᵀ") else name + "ᵀ"
    return f"{name}[…]" if aten in _PARTIAL_VIEWS and not name.endswith("[…]") else name


def _source_line() -> str:
    """The line that called the operation: the nearest frame outside torch and this package's own loop."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_TORCH, "<")) and (name in _USERS or not name.startswith(_OWN)):
            return f"{name}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return ""
