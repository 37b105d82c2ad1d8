"""Looks at every tensor of a batch that runs plainly, and tells whether one of them is not finite.

A sum is finite only where all its elements are, so that of each output is taken at once, while it is what it is, and
one look at all sums at the batch's end tells (`isfinite().all()` of each would cost forty times as much). A sum may
overflow where no element is infinite: whoever hears of it looks again, at the batch's tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from engine.lookup.nonfinite import MOVES

_SUM = torch.ops.aten.sum.default
_ACCUMULATE = torch._C._functions.AccumulateGrad
_HALVES = (torch.float16, torch.bfloat16)
_moves: dict[Any, bool] = {}  # by operator


class Sums(TorchDispatchMode):
    """Used around a step: what it computes outside of its backward passes is dispatched to it.

    In a backward pass a hook on each node sees the gradients, which costs less; what an optimizer leaves is looked at
    when it has stepped.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sums: list[Tensor] = []
        self._wide: list[Tensor] = []  # of float64
        self._undo: list[Callable[[], object]] = []
        self._awake = self._stepping = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch's wrapper, for programs compiled meanwhile, costs as much as the sum itself."""
        return False

    def __enter__(self) -> Sums:
        self._sums, self._wide = [], []
        engine = torch.autograd._engine_run_backward  # type: ignore[attr-defined]

        def replacement(*call: Any, **options: Any) -> Any:
            return self._run_backward(engine, *call, **options)

        torch.autograd._engine_run_backward = replacement  # type: ignore[attr-defined]
        hooks = (
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        )
        self._undo = [hook.remove for hook in hooks]
        self._undo.append(partial(setattr, torch.autograd, "_engine_run_backward", engine))
        self._wake()
        return self

    def __exit__(self, *error: Any) -> None:
        self._sleep()
        for undo in self._undo:
            undo()

    def all_finite(self) -> bool:
        """Whether every tensor of the last step was finite, as far as sums tell."""
        return all(bool(torch.isfinite(torch.stack(sums)).all()) for sums in (self._sums, self._wide) if sums)

    def _add(self, tensor: Tensor) -> None:
        if tensor.layout is not torch.strided:
            tensor = tensor._values() if tensor.layout is torch.sparse_coo else tensor.to_dense()
        if tensor.dtype is torch.float32:
            self._sums.append(_SUM(tensor))
        elif tensor.dtype in _HALVES:
            self._sums.append(_SUM(tensor, dtype=torch.float32))
        elif tensor.is_floating_point() or tensor.is_complex():
            self._wide.append(_SUM(torch.view_as_real(tensor) if tensor.is_complex() else tensor, dtype=torch.float64))

    # ── forward, and whatever else is computed ────────────────────────────────────────────────────────────────────────

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and sum what it made."""
        out = func(*args, **kwargs) if kwargs else func(*args)
        moves = _moves.get(func)
        if moves is None:
            moves = _moves[func] = func._schema.name.partition("::")[2] in MOVES
        if not moves:
            if isinstance(out, Tensor):
                self._add(out)
            else:
                for each in out if isinstance(out, tuple | list) else _written(func, args):
                    if isinstance(each, Tensor):
                        self._add(each)
        return out

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

    def _run_backward(self, engine: Any, tensors: Any, *call: Any, **options: Any) -> Any:
        if not options.get("accumulate_grad") or call[2]:  # part of the computation, or of a graph's own making
            return engine(tensors, *call, **options)
        nodes, leaves = _graph([t.grad_fn for t in tensors if isinstance(t, Tensor) and t.grad_fn is not None])
        piling = [leaf for leaf in leaves if leaf.grad is not None]
        handles = [node.register_hook(self._seen) for node in nodes]
        try:
            with self._asleep():
                return engine(tensors, *call, **options)
        finally:
            for handle in handles:
                handle.remove()
            for leaf in piling:
                if leaf.grad is not None:
                    self._add(leaf.grad)

    def _seen(self, left: tuple[Tensor | None, ...], arrived: Any) -> None:
        for gradient in left:
            if gradient is not None:
                self._add(gradient)

    # ── updates ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if len(args) < 2 and kwargs.get("closure") is None:  # a closure's passes are looked at like others
            self._stepping = self._sleep()

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._stepping:
            self._wake()
        self._stepping = False
        with self._asleep():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    self._add(parameter.detach())
                    for item in optimizer.state.get(parameter, {}).values():
                        if isinstance(item, Tensor) and item.dim():
                            self._add(item)


def _graph(roots: list[Any]) -> tuple[list[Any], list[Tensor]]:
    """The nodes below some, without those that only fill `.grad`, and the leaves that these fill."""
    found, leaves, seen, stack = [], [], set(roots), list(roots)
    while stack:
        node = stack.pop()
        if type(node) is _ACCUMULATE:
            leaves.append(node.variable)
            continue
        found.append(node)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                stack.append(following)
    return found, leaves


def _written(func: Any, args: Any) -> list[Tensor]:
    """What an operation without a result has written into: one on lists of tensors."""
    lists = [
        args[at]
        for at, a in enumerate(func._schema.arguments)
        if a.alias_info and a.alias_info.is_write and at < len(args)
    ]
    return [each for item in lists for each in (item if isinstance(item, list | tuple) else [item])]
