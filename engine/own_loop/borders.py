"""Where a batch of a loop ends, told by what the loop does.

After any optimizer step the batch ends where the next `next` of a *training* loader has returned; a loader is one for
training if a backward pass came after its `next`. Where that `next` finds nothing, or there is no such loader, the
batch ends before the next forward pass of a module in training mode with gradients on, or the next step that is given a
closure. So a loop that fetches a batch ahead, steps two optimizers, or draws its batches by hand is cut where its
reader would cut it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, wraps
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data.dataloader import _BaseDataLoaderIter

from engine.program.backwards import Backwards
from engine.tape.sources import is_users, users_frames, variable_of

_Loader = tuple[int, str, int | None]


class Border(NamedTuple):
    """Where a batch begins: what is known of it, whether an epoch begins with it, and the script's own frame."""

    item: Any  # what the loader gave, or the module was called with
    begins_epoch: bool
    frame: FrameType


class Borders(Backwards):
    """Calls `stop` where the first batch begins, and where each one ends and the next begins.

    `aside` is entered while a loader fetches, which is no part of a batch. `losses` has what each backward pass of the
    batch began from, `names` what the script calls these.
    """

    def __init__(self, stop: Callable[[Border], None], aside: Callable[[], Any]) -> None:
        super().__init__()
        self._stop, self._aside = stop, aside
        self.names: list[str] = []
        self._begun = self._stepped = False
        self._training: set[_Loader] = set()
        self._fetched: tuple[_Loader, int] | None = None  # the loader and iterator that gave something last
        self._open: int | None = None  # the iterator that the training batches come from
        self._forward_hook: Any = None
        self._undo: list[Callable[[], object]] = []
        self.expected: int | None = None  # batches of an epoch, where the training loader says it

    def __enter__(self) -> Borders:
        super().__enter__()
        fetch = _BaseDataLoaderIter.__next__

        def fetched(iterator: Any) -> Any:
            return self._fetch(iterator, fetch)

        setattr(_BaseDataLoaderIter, "__next__", fetched)  # noqa: B010 – its type has the iterator twice
        self._undo = [
            partial(setattr, _BaseDataLoaderIter, "__next__", fetch),
            register_optimizer_step_post_hook(self._after_step).remove,
            self._wait_no_more,
        ]
        self._wait_for_forward()
        for kind in {kind for kind in vars(torch.optim).values() if isinstance(kind, type)} - {Optimizer}:
            if issubclass(kind, Optimizer) and "step" in vars(kind):
                self._watch_steps(kind)
        return self

    def __exit__(self, *error: object) -> None:
        while self._undo:
            self._undo.pop()()
        super().__exit__(*error)

    def _watch_steps(self, kind: Any) -> None:
        """A step that is given a closure goes forward inside: what ends before it must end before the step."""
        if not getattr(kind.step, "hooked", False):  # as torch does when the first is made: hooks are called inside
            kind.step = Optimizer.profile_hook_step(kind.step)
            kind.step.hooked = True
        plain = kind.step

        @wraps(plain)
        def step(optimizer: Any, *args: Any, **options: Any) -> Any:
            closes = any(callable(each) for each in (*args, *options.values()))
            if closes and (not self._begun or (self._stepped and self._open is None)):
                self._end(Border((), False, sys._getframe(1)))
            return plain(optimizer, *args, **options)

        kind.step = step
        self._undo.append(partial(setattr, kind, "step", plain))

    def begin(self) -> None:
        """A batch begins."""
        self._begun, self._stepped = True, False
        self.losses.clear()
        self.names.clear()

    def note(self, tensors: Any) -> None:
        """A backward pass: whatever loader gave something last is one for training."""
        before = len(self.losses)
        super().note(tensors)
        if len(self.losses) > before:
            frames = users_frames(sys._getframe(2), None)
            self.names.append(variable_of(self.losses[-1], frames[:1]) if frames else "")
        if self._fetched is not None:
            loader, self._open = self._fetched
            self._training.add(loader)
            self._fetched = None

    def _after_step(self, *call: Any) -> None:
        self._stepped = True
        if self._open is None:
            self._wait_for_forward()

    # ── loaders ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _fetch(self, iterator: Any, fetch: Callable[[Any], Any]) -> Any:
        try:
            with self._aside():
                item = fetch(iterator)
        except StopIteration:
            if self._open == id(iterator):
                self._open = None
                if self._stepped:
                    self._wait_for_forward()
            raise
        loader = _loader_of(iterator)
        if not torch.is_grad_enabled():
            return item
        if loader not in self._training:
            self._fetched = (loader, id(iterator))
            return item
        self._fetched = None
        fresh, self._open = self._open != id(iterator), id(iterator)
        self.expected = _length(iterator)
        if self._stepped:
            self._end(Border(item, fresh, sys._getframe(2)))
        return item

    # ── forward passes ────────────────────────────────────────────────────────────────────────────────────────────────

    def _wait_for_forward(self) -> None:
        if self._forward_hook is None:
            self._forward_hook = register_module_forward_pre_hook(self._before_forward)

    def _wait_no_more(self) -> None:
        if self._forward_hook is not None:
            self._forward_hook.remove()
            self._forward_hook = None

    def _before_forward(self, module: nn.Module, args: Any) -> None:
        if module.training and torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters()):
            begins_epoch = self._begun and self._fetched is not None  # with a loader that is met for the first time
            self._end(Border(args, begins_epoch, sys._getframe(1)))

    def _end(self, border: Border) -> None:
        self._wait_no_more()
        self._stop(border)


def script_frames(frame: FrameType | None) -> list[FrameType]:
    """The frames of the script and of what it calls, from one outwards, torch's left out."""
    found = []
    while frame is not None:
        if is_users(frame.f_code):
            found.append(frame)
        frame = frame.f_back
    return found


def _loader_of(iterator: Any) -> _Loader:
    """What tells a loader from others, also one that is made anew for each epoch."""
    sampler = iterator._index_sampler
    return (
        id(iterator._dataset),
        type(getattr(sampler, "sampler", sampler)).__name__,
        getattr(sampler, "batch_size", None),
    )


def _length(iterator: Any) -> int | None:
    try:
        return len(iterator)
    except TypeError:
        return None


def losses_of(borders: Borders) -> dict[str, Tensor]:
    """What each backward pass of a batch began from, by the script's own names; `""` where there is only one name."""
    by_name = dict(zip(borders.names, borders.losses, strict=True))
    if len(by_name) == 1:
        return {"": next(iter(by_name.values()))}
    return {name or "loss": loss for name, loss in by_name.items()}
