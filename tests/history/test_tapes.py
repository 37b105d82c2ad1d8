"""A tape that is held no longer is gone at once, with its tensors: a batch is recorded into the memory of earlier ones.

Left to the garbage collector, tapes pile up, and each batch is written to memory that was never touched.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from engine.protocol.messages import Look
from engine.protocol.positions import Unit
from engine.session import Session
from tests.support.sessions import small


def _record(session: Session) -> None:
    session.step()


def _read(session: Session) -> None:
    session.step()
    assert len(session.tape() or ()) > 1


def _look_up(session: Session) -> None:
    session.step()
    assert session.values().tensors()


def _walk(session: Session) -> None:
    session.step(Unit.OP, 12)
    session.viewer.see(Look(["here", "graph", "layers", "gradients", "distribution", "batch", "tape", "tensor"]))
    session.step()


@pytest.mark.parametrize("look", [_record, _read, _look_up, _walk])
def test_a_tape_that_is_held_no_longer_is_gone_at_once(look: Callable[[Session], None]) -> None:
    session = small(layers=(784, 4, 2))
    look(session)
    held = weakref.ref(session.timeline.any_tape() or session)
    gc.disable()
    try:
        for _ in range(4):
            assert held() is not None
            session.step()
        assert held() is None
    finally:
        gc.enable()
