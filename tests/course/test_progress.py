"""A long computation tells how far it is, and may be cancelled."""

from __future__ import annotations

import pytest

from engine.course.progress import told, told_to
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
