"""Loaders of any kind: how many batches make an epoch, passing over some, and what keeps one from going back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _DatasetKind

from engine.errors import HistoryError, ModelError
from engine.program.batches import tensors_in
from engine.training.randomness import RandomState

_PATIENCE = 5.0  # seconds that batches are counted for


def check_loader(loader: Iterable[Any]) -> None:
    """Raise HistoryError or ModelError for a loader whose epochs could not be drawn again."""
    if isinstance(loader, Iterator):
        raise HistoryError(
            "the loader is an iterator, which can be read only once",
            "give a list of batches, a DataLoader, or an object whose __iter__ starts again",
        )
    if getattr(loader, "persistent_workers", False) and getattr(loader, "num_workers", 0):
        raise ModelError(
            "the loader's workers persist, and their random numbers cannot be put back on the way back",
            "make the loader with persistent_workers=False: its epochs then start workers that are seeded anew",
        )


@contextmanager
def unwritten(loader: Iterable[Any], batch: Any) -> Iterator[None]:
    """Raise ModelError where a step writes into a batch that is the loader's own data, which no state holds."""
    own = isinstance(loader, list | tuple) or (isinstance(loader, DataLoader) and loader.batch_size is None)
    held = [tensor for _, tensor in tensors_in(batch) if not tensor.is_inference()] if own else []
    before = [tensor._version for tensor in held]
    yield
    if any(tensor._version != version for tensor, version in zip(held, before, strict=True)):
        raise ModelError(
            "the step writes into the batch itself, which the loader holds: going back could not undo that",
            "let it work on a copy, made by clone(), or the loader make each batch anew",
        )


def count_batches(loader: Iterable[Any]) -> int:
    """How many mini-batches an epoch has. Raises HistoryError where that cannot be found out."""
    check_loader(loader)
    try:
        return len(loader)  # type: ignore[arg-type]
    except TypeError:
        random = RandomState.capture()
        try:
            return _counted(loader)
        finally:
            random.restore()


def _counted(loader: Iterable[Any]) -> int:
    began, count = time.monotonic(), 0
    for _ in loader:
        count += 1
        if time.monotonic() - began > _PATIENCE:
            raise HistoryError(
                f"the loader has no length, and has not ended after {count} batches",
                "say how many batches make an epoch: return batches=…, or run with --batches N",
            )
    return count


def skip(iterator: Iterator[Any], count: int) -> None:
    """Pass over `count` mini-batches, without fetching them where the iterator can do so."""
    own = getattr(iterator, "skip", None)
    if own is not None:
        own(count)
        return
    advance = iterator._next_index if _draws_apart(iterator) else iterator.__next__  # type: ignore[attr-defined]
    for _ in range(count):
        advance()


def _draws_apart(iterator: Any) -> bool:
    """Whether a DataLoader draws the indices of a batch apart from its examples, which need not be fetched then."""
    by_index = getattr(iterator, "_dataset_kind", None) == _DatasetKind.Map
    return by_index and hasattr(iterator, "_next_index") and not hasattr(iterator, "_workers")
