"""A long computation tells how far it is, and may be cancelled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.course.progress import told, told_batches, told_to
from engine.errors import CommandError


def test_whoever_asked_hears_of_every_step_and_may_cancel() -> None:
    heard: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        heard.append((done, total))
        if done == 2:
            raise CommandError("cancelled", "ask again")

    def compute() -> list[str]:
        return list(told("abcd"))

    with told_to(tell), pytest.raises(CommandError, match="cancelled"):
        compute()
    assert heard == [(0, 4), (1, 4), (2, 4)]
    assert compute() == ["a", "b", "c", "d"], "nobody listens any more"


def test_batches_of_all_epochs_are_told_as_one() -> None:
    """The loader is begun anew with every epoch, and not once more."""
    heard: list[tuple[int, int]] = []
    begun: list[int] = []

    class Loader:
        def __iter__(self) -> Iterator[str]:
            begun.append(len(heard))
            return iter("ab")

    with told_to(lambda done, total: heard.append((done, total))):
        assert "".join(told_batches(Loader(), 2, 2)) == "abab"
    assert heard == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert len(begun) == 2
