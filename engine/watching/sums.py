"""Looks at every tensor of a batch that runs plainly, and tells whether an operation made one that is not finite.

A sum is finite only where all its elements are, so that of each output is taken at once, while it is what it is
(`isfinite().all()` would cost forty times as much). Where one is not, the rule of `nonfinite.py` is applied then and
there: what was only passed on, as a mask of −∞ that is added, is no reason to record the batch. What counts wherever it
came from is looked at as well: ℒ, gradients of leaves, parameters, buffers.

Not looked at is what cannot have been made: by operations that keep finite what is finite. Where the rule cannot be
applied at once, in a backward pass or to what was overwritten, the batch counts as bad: whoever hears of it looks
again, at the batch's tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from engine.lookup.nonfinite import KEEPS, MOVES, is_by_element, made_where
from engine.program.modules import Modules
from engine.statistics import is_bad
from engine.watching.senders import lookers

_FLOAT, _STRIDED = torch.float32, torch.strided
_SUMMED = (torch.float32, torch.float64)  # as they are
# What is finite after an update only where the gradient and all other state was, which it has added to: by optimizer,
# what of its state beside the parameter itself. Adam divides by the root of the second moment, in which ∞ would hide.
_TELLING: dict[type, tuple[str, ...]] = {SGD: (), Adam: ("exp_avg_sq",), AdamW: ("exp_avg_sq",)}
# By the id of an operator, whose hash is computed in Python: what runs it, whether it can make what is not finite,
# whether it writes, and itself.
_known: dict[int, tuple[Any, bool, bool, Any]] = {}


class Sums(TorchDispatchMode):
    """Used around a step: what it computes outside of its backward passes and updates is dispatched to it.

    In a backward pass hooks on the nodes see the gradients, which costs less; what an optimizer leaves is looked at
    when it has stepped.
    """

    def __init__(self, modules: Modules) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        owners = [(module._buffers, name) for _, module in modules.named_modules() for name in module._buffers]
        self._buffers = [(owner, name) for owner, name in owners if not _is_declared(owner[name])]
        self._bad = self._awake = self._stepping = self._at_once = self.learns = False
        self._postponed: dict[Any, list[Tensor]] = {}  # sums on an accelerator: to read them at once is to wait for it
        self._copied: set[Any] = set()  # operators that write, whose inputs are needed to judge them
        self._gradients: list[Tensor] = []  # of leaves, to be looked at before anything is written
        self._replaced: list[tuple[dict[str, Any], str, Any]] = []
        self._hooks: list[Any] = []
        self._lookers: dict[tuple[int, ...], Callable[[Any, Any], None]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch's wrapper, for programs compiled meanwhile, costs as much as the sum itself."""
        return False

    def __enter__(self) -> Sums:
        self._bad = self.learns = False
        self._gradients = []
        autograd = vars(torch.autograd)
        self._replace(autograd, "backward", partial(self._run_pass, autograd["backward"]))
        self._replace(autograd, "_engine_run_backward", partial(self._run_backward, autograd["_engine_run_backward"]))
        if not torch.autograd._profiler_enabled():  # type: ignore[attr-defined]
            self._replace(vars(torch.autograd.profiler), "record_function", _Unnamed)
        if not self._hooks:
            self._hooks = [
                register_optimizer_step_pre_hook(self._before_step),
                register_optimizer_step_post_hook(self._after_step),
            ]
        self._wake()
        return self

    def _replace(self, module: dict[str, Any], name: str, new: Any) -> None:
        self._replaced.append((module, name, module[name]))
        module[name] = new

    def __exit__(self, *error: Any) -> None:
        self._sleep()
        while self._replaced:
            module, name, old = self._replaced.pop()
            module[name] = old
        self._look_at_gradients()
        self._look_at(owner.get(name) for owner, name in self._buffers)

    def close(self) -> None:
        """Look no more at what optimizers leave."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def all_finite(self) -> bool:
        """Whether no operation of the last step made something that is not finite, as far as is known without a tape.

        Where it says no and that proves wrong, `learns` tells whether it will know better in the next step.
        """
        postponed, self._postponed = self._postponed, {}
        for sums in postponed.values():
            if not bool(torch.isfinite(torch.stack(sums)).all()):
                self._bad = self._at_once = self.learns = True
        return not self._bad

    def _look_at(self, tensors: Iterable[Tensor | None]) -> None:
        """At what counts wherever it came from."""
        for tensor in tensors:
            if tensor is not None and not self._is_finite(tensor):
                self._bad = True

    def _look_at_gradients(self) -> None:
        gradients, self._gradients = self._gradients, []
        self._look_at(gradients)

    def _is_finite(self, tensor: Tensor) -> bool:
        """Whether all elements are, as their sum tells: it may overflow where none is infinite."""
        if tensor.numel() == 1 and tensor.is_cpu and not tensor.is_complex():
            total = tensor.item()
            return total - total == 0
        summed = tensor.sum() if tensor.dtype is _FLOAT and tensor.layout is _STRIDED else _summed(tensor)
        if summed is None:
            return True
        if not (summed.is_cpu or self._at_once):
            self._postponed.setdefault((summed.dtype, summed.device), []).append(summed)
            return True
        total = summed.item()
        return total - total == 0.0

    # ── forward, and whatever else is computed ────────────────────────────────────────────────────────────────────────

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and look at what it made."""
        known = _known.get(id(func))
        if known is None:
            name = _name(func)
            known = _known[id(func)] = (func._op, name not in MOVES | KEEPS, func._schema.is_mutable, func)
        run, makes, writes, _ = known
        if writes and self._gradients:
            self._look_at_gradients()
        given = list(_copies(func, args)) if self._copied and func in self._copied else args
        out = run(*args, **kwargs) if kwargs else run(*args)
        if makes:
            if isinstance(out, Tensor):
                if not self._is_finite(out):
                    self._judge(func, given, kwargs, out)
            else:
                for each in out if isinstance(out, tuple | list) else _written(func, args):
                    if isinstance(each, Tensor) and not self._is_finite(each):
                        self._judge(func, given, kwargs, each)
        return out

    def _judge(self, func: Any, given: Any, kwargs: Any, out: Tensor) -> None:
        """Whether an operation made what is not finite in its output, or only passed it on."""
        if not is_bad(out):
            return
        if func._schema.is_mutable and func not in self._copied:
            self._copied.add(func)
            self._bad = self.learns = True
            return
        inputs = list(_tensors((given, kwargs or {})))
        if made_where(out, inputs, is_by_element(_name(func))) is not None:
            self._bad = True

    def _wake(self) -> None:
        self._awake = True
        torch._C._push_on_torch_dispatch_stack(self)

    def _sleep(self) -> bool:
        """Be off the stack where nothing lies above; whether it was on it."""
        top = torch._C._len_torch_dispatch_stack() - 1
        if not self._awake or torch._C._get_dispatch_stack_at(top) is not self:
            return False
        torch._C._pop_torch_dispatch_stack(None)
        self._awake = False
        return True

    @contextmanager
    def _asleep(self) -> Iterator[None]:
        was = self._sleep()
        try:
            yield
        finally:
            if was:
                self._wake()

    # ── backward ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _run_pass(self, backward: Any, tensors: Any, *call: Any, **options: Any) -> Any:
        if options.get("create_graph") or any(call[2:3]):  # the pass is computed with like a forward one
            return backward(tensors, *call, **options)
        with self._asleep():  # it makes the gradients that the pass begins with
            return backward(tensors, *call, **options)

    def _run_backward(self, engine: Any, tensors: Any, *call: Any, **options: Any) -> Any:
        if not options.get("accumulate_grad") or call[2]:  # part of the computation, or of a graph's own making
            return engine(tensors, *call, **options)
        self._look_at_gradients()
        hooks, leaves = lookers([t.grad_fn for t in tensors if isinstance(t, Tensor) and t.grad_fn is not None])
        handles = [node.register_hook(self._looker(edges)) for node, edges in hooks]
        with self._asleep():
            try:
                return engine(tensors, *call, **options)
            finally:
                if call[1]:  # the graph is kept
                    for handle in handles:
                        handle.remove()
                self._look_at(root.detach() for root in tensors)
                self._gradients = [leaf.grad for leaf in leaves if leaf.grad is not None]

    def _looker(self, edges: tuple[int, ...]) -> Callable[[Any, Any], None]:
        """A hook that looks at what a node sends along some of its edges."""
        looker = self._lookers.get(edges)
        if looker is None:

            def looker(left: tuple[Tensor | None, ...], arrived: Any) -> None:
                for edge in edges:
                    gradient = left[edge]
                    if gradient is not None and not self._is_finite(gradient):
                        self._bad = True

            self._lookers[edges] = looker
        return looker

    # ── updates ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        hooks = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
        if not hooks and len(args) < 2 and kwargs.get("closure") is None:  # else it may do whatever it likes
            self._stepping = self._sleep()
        if not (self._stepping and type(optimizer) in _TELLING):
            self._look_at_gradients()

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        told = set[int]()  # ids of gradients
        alone = self._stepping
        self._stepping |= self._sleep()
        enabled = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        for group in optimizer.param_groups:
            telling = _TELLING.get(type(optimizer)) if alone and not group.get("fused") else None
            for parameter in group["params"]:
                state = optimizer.state.get(parameter, {})
                items = state.values() if telling is None else [state[key] for key in telling if key in state]
                self._look_at((parameter, *filter(_has_elements, items)))
                if telling is not None:
                    told.add(id(parameter.grad))
        if self._gradients:
            self._gradients = [each for each in self._gradients if id(each) not in told]
        torch._C._set_grad_enabled(enabled)
        if self._stepping:
            self._wake()
        self._stepping = False


class _Unnamed:
    """In place of the range that a profiler would show, where none runs: naming it is dispatched, too, at some cost."""

    def __init__(self, *names: Any) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def _is_declared(buffer: Tensor | None) -> bool:
    """Whether a buffer was not finite from the beginning: a mask of −∞, say."""
    return buffer is not None and is_bad(buffer)


def _has_elements(item: Any) -> bool:
    return isinstance(item, Tensor) and item.dim() > 0


def _summed(tensor: Tensor) -> Tensor | None:
    """The sum of all elements, which is none of half precision; None of integers."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return None
    if tensor.layout is not _STRIDED:
        tensor = tensor._values() if tensor.layout is torch.sparse_coo else tensor.to_dense()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return tensor.sum() if tensor.dtype in _SUMMED else tensor.sum(dtype=_FLOAT)


def _name(func: Any) -> str:
    name: str = func._schema.name
    return name.partition("::")[2]


def _tensors(found: Any) -> Iterator[Tensor]:
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, list | tuple | dict):
        for each in found.values() if isinstance(found, dict) else found:
            yield from _tensors(each)


def _writes(func: Any, args: Any) -> list[int]:
    """At which of its arguments an operator writes."""
    infos = [argument.alias_info for argument in func._schema.arguments[: len(args)]]
    return [at for at, info in enumerate(infos) if info and info.is_write]


def _copies(func: Any, args: Any) -> Iterator[Any]:
    """Arguments as they are before an operator writes."""
    writes = _writes(func, args)
    for at, argument in enumerate(args):
        yield [each.clone() for each in _tensors(argument)] if at in writes else argument


def _written(func: Any, args: Any) -> list[Tensor]:
    """What an operation without a result has written into: one on lists of tensors."""
    return [each for at in _writes(func, args) for each in _tensors(args[at])]
