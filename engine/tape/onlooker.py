"""Looks on while a training step runs, and writes its Tape, without changing a bit of what it computes.

The step is not called phase by phase: a dispatch mode sees every tensor operation, torch's own hooks tell when a module
is entered and when an optimizer steps, and the one place that every backward pass goes through is replaced meanwhile.
Nothing is made of what is seen until the tape is read (`building.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.autograd.profiler import record_function
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from engine.program.copies import copied
from engine.program.modules import Modules
from engine.protocol.positions import Phase
from engine.tape.backward import Graph, Pass, quick
from engine.tape.batches import loaded
from engine.tape.building import Builder
from engine.tape.habits import Habits
from engine.tape.log import Log
from engine.tape.naming import Naming
from engine.tape.raw import Entered, Left, OpRow, Stepped, Version, caller, users_place
from engine.tape.sources import file_and_line, line_of, users_frames, variable_of
from engine.tape.tape import Tape
from engine.tape.tracked import Tracked
from engine.usual_errors import WRITTEN, changed_shape, is_in_place


class Onlooker:
    """Writes one tape. `budget` bounds the bytes of tensors that it holds; values of events in `wanted` always are.

    Use: `load`, then `with onlooker: returned = step(batch)`, then `finish` with the losses that it returned.
    """

    def __init__(
        self,
        tape: Tape,
        naming: Naming,
        modules: Modules,
        optimizers: Mapping[str, Optimizer],
        budget: int,
        wanted: frozenset[int] = frozenset(),
        loss_modules: Iterable[nn.Module] = (),
    ) -> None:
        self.tape = tape
        self._naming, self._budget, self._wanted = naming, budget, wanted
        self._tracked = Tracked(Modules.of(modules), optimizers)
        self._log = Log(self._tracked)
        self._optimizers, self._roots = list(optimizers.values()), list(modules.values())
        self._losses = {id(module) for loss in loss_modules for module in loss.modules()}
        self._stack: list[str] = []
        self._inside = 0  # of the program's modules
        self._passing = False
        self._stepping: list[Any] = []  # by nested step: None for what a step of the same optimizer calls, its super's
        self._habits: Habits = naming.habits
        self._builder = Builder(naming, self._tracked, self._log, budget, wanted)
        self._undo: list[Callable[[], object]] = []  # the last first

    # ── the batch comes in ────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, batch: Any, inputs: tuple[Any, ...] | None, targets: Any) -> None:
        """The first event: what was loaded. Without `inputs`, whatever tensors the batch holds, by their keys."""
        self._builder.load(loaded(batch, inputs, targets))

    # ── while it runs ─────────────────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Onlooker:
        self._habits.begin()
        self._log.rows.extend(self._tracked.carried_over())
        self._log.base = caller()
        self._undo += [
            register_module_forward_pre_hook(self._enter_module).remove,
            register_module_forward_hook(self._leave_module).remove,
            register_optimizer_step_pre_hook(self._before_step_of_another).remove,
            register_optimizer_step_post_hook(self._after_step).remove,
        ]
        for optimizer in self._optimizers:  # after hooks of the user's own, which may change a rate
            self._undo.append(optimizer.register_step_pre_hook(self._before_step).remove)
        self._replace(torch.autograd, "_engine_run_backward", self._run_backward)
        self._replace(torch.autograd, "_make_grads", self._unseen)  # a pass's first gradient
        for name in ("__enter__", "__exit__"):  # marks for a profiler, around every optimizer's step
            self._replace(record_function, name, self._unseen)
        for owner in (*self._optimizers, *self._roots):  # of these only: a change of the class costs every other one
            self._replace_own(owner, "zero_grad", self._zero_grad)
        self._replace(GradScaler, "unscale_", self._unscale)
        self._log.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._log.__exit__(*error)
        if isinstance(error[1], RuntimeError) and is_in_place(error[1]):
            self._note_writes(error[1])
        self._log.base = None  # a frame, which would hold this tape
        while self._undo:
            self._undo.pop()()

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """What is computed inside is no part of the batch."""
        was_awake = self._log.sleep()
        try:
            yield
        finally:
            if was_awake:
                self._log.wake()

    def _note_writes(self, error: RuntimeError) -> None:
        """Add to an error of a backward pass what was written in place, of the shape that it tells."""
        shape, found = changed_shape(error), list[str]()
        for row in self._log.rows:
            if isinstance(row, OpRow) and row.info.written and shape in _shapes(row.out):
                found.append(f"{row.info.aten} at {file_and_line(row.place)}")
            elif isinstance(row, Stepped):
                names = [u.name for u in row.updates if shape in _shapes(self._tracked.parameters.get(u.name))]
                found += [f"{name} by {row.kind} at {file_and_line(row.place)}" for name in names]
        if found:
            error.add_note(WRITTEN + ", ".join(dict.fromkeys(found)))

    def _replace(self, owner: Any, name: str, instead: Callable[..., Any]) -> None:
        original = getattr(owner, name)

        def replacement(*args: Any, **kwargs: Any) -> Any:
            return instead(original, *args, **kwargs)

        setattr(owner, name, replacement)
        self._undo.append(partial(setattr, owner, name, original))

    def _replace_own(self, owner: Any, name: str, instead: Callable[..., Any]) -> None:
        original, own = getattr(owner, name), owner.__dict__.get(name)

        def replacement(*args: Any, **kwargs: Any) -> Any:
            return instead(original, owner, *args, **kwargs)

        owner.__dict__[name] = replacement
        if own is None:
            self._undo.append(partial(owner.__dict__.pop, name))
        else:
            self._undo.append(partial(owner.__dict__.__setitem__, name, own))

    def _unseen(self, original: Callable[..., Any], *args: Any, **options: Any) -> Any:
        was_awake = self._log.sleep()  # as `unseen`, without the cost of a generator at each mark
        try:
            return original(*args, **options)
        finally:
            if was_awake:
                self._log.wake()

    # ── modules ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _enter_module(self, module: nn.Module, args: Any) -> None:
        if self._passing:
            return
        log, stack = self._log, self._stack
        path = self._naming.paths.get(id(module))
        if path is not None:
            if not self._inside:
                self._enter_program(module)
            self._inside += 1
        elif stack:
            path = stack[-1]
        else:
            path = "loss"
        stack.append(path)
        log.path = path

    def _enter_program(self, module: nn.Module) -> None:
        log = self._log
        if id(module) in self._losses:
            log.phase = Phase.LOSS
            return
        log.rows.append(Entered())
        log.end_between()
        log.phase = Phase.FORWARD

    def _leave_module(self, module: nn.Module, args: Any, output: Any) -> None:
        stack = self._stack
        if self._passing or not stack:
            return
        stack.pop()
        log = self._log
        log.path = stack[-1] if stack else ""
        if id(module) not in self._naming.paths:
            return
        self._inside -= 1
        part = self._naming.parts.get(id(module))
        if part is not None:
            log.rows.append(Left(part, output))
        if not self._inside:
            log.phase = Phase.LOSS
            stack.clear()
            log.path = ""

    # ── backward ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _run_backward(self, engine: Any, tensors: Any, *call: Any, **options: Any) -> Any:
        if not options.get("accumulate_grad"):  # autograd.grad: part of the computation
            return engine(tensors, *call, **options)
        roots = [tensor for tensor in tensors if isinstance(tensor, Tensor) and tensor.grad_fn is not None]
        if self._passing or len(roots) < len(tensors):
            self._habits.reentrant |= self._passing
            self._note_pass_from_nothing(roots)
            return engine(tensors, *call, **options)
        self._log.end_between()
        self._passing, was_awake = True, self._log.sleep()
        try:
            self._pass(engine, roots, (tensors, *call), options)
        finally:
            self._passing = False
            self._log.phase = Phase.BETWEEN
            if was_awake:
                self._log.wake()
        return None

    def _note_pass_from_nothing(self, roots: list[Tensor]) -> None:
        """Remember where a pass began from a tensor that no operation made, which goes nowhere."""
        if not self._passing and not roots:
            frames = users_frames(caller(3), self._log.base)
            self.tape.pass_from_nothing = line_of(users_place(frames[0], None)) if frames else "backward()"

    def _pass(self, engine: Any, roots: list[Tensor], call: tuple[Any, ...], options: dict[str, Any]) -> None:
        frames = users_frames(caller(3), self._log.base)
        graph = Graph(roots)
        self._name_leaves(graph, frames)
        place = users_place(frames[0], None) if frames else None
        passed = Pass(roots, variable_of(roots[0], frames[:1]), place)
        _, _, _, create_graph, inputs = call
        self._log.rows.extend(self._tracked.reassigned())
        self._log.rows.append(passed)
        self._tracked.passes.append(passed)
        if not (create_graph or inputs) and self._may_be_quick() and quick(graph):
            passed.capture(graph, engine, call)
            for leaf, version in passed.versions.items():
                version.name = f"d{self._tracked.name_of(leaf.variable)}"
            self._tracked.noticed(passed.versions.values())
            return
        self._carefully(passed, graph, lambda: engine(*call, **options))

    def _may_be_quick(self) -> bool:
        if self._habits.careful or 2 * self._log.bytes > self._budget:
            return False
        for row in self._log.rows:
            if type(row) is OpRow and isinstance(row.out, Tensor) and row.out._backward_hooks:
                return False
        return True

    def _carefully(self, passed: Pass, graph: Graph, run: Callable[[], Any]) -> None:
        leaves = [(name, leaf) for name, leaf in self._tracked.leaves() if leaf.requires_grad]
        for name, leaf in leaves:
            if leaf.grad is not None:
                self._tracked.keep_gradient(name)
        held = self._log.bytes

        def room(size: int) -> bool:
            nonlocal held
            held += size
            return bool(self._wanted) or held <= self._budget

        handles = passed.watch(graph, [(f"d{name}", leaf) for name, leaf in leaves], room)
        try:
            run()
        finally:
            for handle in handles:
                handle.remove()
        self._tracked.noticed(step for step in passed.steps() if isinstance(step, Version))

    def _name_leaves(self, graph: Graph, frames: list[Any]) -> None:
        for _, leaf in graph.leaves:
            if not self._tracked.name_of(leaf):
                name = variable_of(leaf, frames)
                if not name or name in self._tracked.parameters or name in self._tracked.loose:
                    name = f"leaf{len(self._tracked.loose) + 1}"
                self._tracked.loose[name] = leaf

    # ── between ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _zero_grad(self, original: Any, owner: Any, *args: Any, **kwargs: Any) -> Any:
        if self._log.between is not None or self._passing or not self._log.awake:
            return original(*args, **kwargs)
        place = users_place(caller(2), self._log.base)
        if isinstance(owner, Optimizer):
            parameters = [parameter for group in owner.param_groups for parameter in group["params"]]
        else:
            parameters = list(owner.parameters())
        names = [name for name in map(self._tracked.name_of, parameters) if name]
        with self._folding("zero-grad", place, names):
            return original(*args, **kwargs)

    def _unscale(self, original: Any, scaler: Any, optimizer: Optimizer) -> Any:
        if not scaler.is_enabled():
            return original(scaler, optimizer)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        names = [self._tracked.name_of(parameter) for parameter in parameters if parameter.grad is not None]
        with self._folding("unscale", users_place(caller(2), self._log.base), [name for name in names if name]):
            return original(scaler, optimizer)

    @contextlib.contextmanager
    def _folding(self, kind: str, place: Any, names: list[str]) -> Iterator[None]:
        """What happens inside is one event."""
        log = self._log
        phase, log.phase = log.phase, Phase.BETWEEN
        log.end_between()
        log.rows.extend(self._tracked.reassigned())
        between = log.between = log.begin(kind, place)
        between.parameters = names
        try:
            yield
        finally:
            between.rows.extend(self._tracked.reassigned())
            log.end_between()
            log.phase = phase

    # ── updates ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _before_step_of_another(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        if id(optimizer) in self._tracked.optimizer_names:
            return None
        return self._before_step(optimizer, args, kwargs)

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        log, tracked = self._log, self._tracked
        name = tracked.optimizer_name(optimizer)
        if any(outer is not None and outer[0].optimizer == name for outer in self._stepping):
            self._stepping.append(None)
            return None
        closure = args[1] if len(args) > 1 else kwargs.get("closure")  # the first is the optimizer itself
        log.end_between()
        log.rows.extend(tracked.reassigned())
        self._habits.before_step(optimizer, tracked)
        tracked.prepare(optimizer)
        place = users_place(caller(1), log.base)
        groups = [{k: copied(v) for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        stepped = Stepped(name, type(optimizer).__name__.lower(), [], groups, place)
        self._stepping.append((stepped, log.sleep()))
        if closure is None:
            stepped.updates = tracked.updates(optimizer)
            return None
        tracked.begin_closure()
        wrapped = self._watched(closure)
        if len(args) > 1:
            return (args[0], wrapped, *args[2:]), kwargs
        return args, {**kwargs, "closure": wrapped}

    def _watched(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        def call() -> Any:
            self._log.rows.extend(self._tracked.changed_within_step())
            self._log.phase = Phase.FORWARD
            self._log.wake()
            try:
                return closure()
            finally:
                self._log.sleep()

        return call

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._stepping or (stepping := self._stepping.pop()) is None:
            return
        stepped, was_awake = stepping
        if not stepped.updates:
            stepped.updates = self._tracked.updates(optimizer)
        self._log.rows.append(stepped)
        self._habits.after_step(optimizer)
        self._log.phase = Phase.BETWEEN
        if was_awake:
            self._log.wake()

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self, losses: Mapping[str, Tensor]) -> None:
        """What the step returned as its losses, by name; "" for a bare one. From here on the tape can be read."""
        self._log.rows.extend(self._tracked.reassigned())
        self._log.rows.extend(self._tracked.replaced_buffers())
        self._log.keep_what_lasts()
        self._habits.end(self._tracked)
        self._builder.losses = {name: loss for name, loss in losses.items() if isinstance(loss, Tensor)}
        gradients = sum(passed.bytes() for passed in self._tracked.passes)
        self.tape.defer(self._builder.build, self._log.bytes + gradients)
        if 2 * self._log.bytes > self._budget:
            self.tape.built()


def _shapes(item: Any) -> set[tuple[int, ...]]:
    """The shape of a tensor, and of what it is a view of, in order of size."""
    if not isinstance(item, Tensor):
        return set()
    return {tuple(sorted(each.shape)) for each in (item, item._base) if each is not None}
