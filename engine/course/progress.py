"""How far a long computation is, told to whoever asked for it, who may cancel it. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import TypeVar

Tell = Callable[[int, int], None]  # done, total; raises EngineError to cancel
_Item = TypeVar("_Item")
_tell: ContextVar[Tell | None] = ContextVar("tell", default=None)


@contextmanager
def told_to(tell: Tell) -> Iterator[None]:
    """Let `tell` hear how far the computations inside are."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


def told(items: Sequence[_Item]) -> Iterator[_Item]:
    """The items one by one, telling before each how many are done."""
    tell = _tell.get()
    for at, item in enumerate(items):
        if tell is not None:
            tell(at, len(items))
        yield item


def told_batches(loader: Iterable[_Item], epochs: int, batches: int) -> Iterator[_Item]:
    """The `batches` of every epoch, one by one, telling before each how many of all are done."""
    every = chain.from_iterable(loader for _ in range(epochs))
    for _, batch in zip(told(range(epochs * batches)), every, strict=True):
        yield batch
