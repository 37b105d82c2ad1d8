"""Whatever is typed where an expression belongs is answered: never a crash, never a wait, never a Python error."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.protocol.messages import Look, TensorLook
from engine.session import Session
from tests.support.hostile import EXPRESSIONS, expression
from tests.support.sessions import small

VERBS = (
    *("print {}", "stats {}", "place {}", "plot {}", "unplot {}", "watch {}", "run 1 batch until {}", "break {}"),
    *("reverse-run until {}", "set W[1][1,1] {}", "set W[1] {}", "set learning_rate {}", "set batch_size {}"),
    *("set {} 1", "freeze {}", "goto {}", "step {}", "pick {}", "switch {}", "compare {}", "unwatch {}", "help {}"),
    *("compute {}", "formula dZ[1] 3-2-3 sigmoid sigmoid bce: {}"),
)
_SECONDS = 10.0  # of computing, for one answer; 2 on a usual machine


@pytest.fixture(scope="module")
def session() -> Session:
    found = small()
    found.goto("1:2:9")
    return found


def answered(session: Session, text: str, tmp_path: Path) -> None:
    """Give an expression to every verb that takes one: each answers, in words, and the run is where it was."""
    for verb in (*VERBS, f"write {{}} {tmp_path}/a.npy"):
        began = time.process_time()
        answer = session.do(verb.format(text))
        assert "error of nnwalk-tui itself" not in answer.error, f"{verb.format(text)}: {answer.details}"
        assert len(answer.error) < 2000 + 2 * len(text)
        assert time.process_time() - began < _SECONDS
    session.do("unwatch all")
    for tree in list(session.viewer.plots.trees):
        session.do(f"unplot {tree}")
    seen = session.viewer.see(Look(["tensor"], tensor=TensorLook(text, rows=3, columns=3)))
    assert seen.position.epoch == 1
    session.goto("1:2:9")


@pytest.mark.parametrize("text", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_every_verb_answers_a_hostile_expression(session: Session, text: str, tmp_path: Path) -> None:
    answered(session, text, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(400))
def test_every_verb_answers_any_expression(session: Session, seed: int, tmp_path: Path) -> None:
    answered(session, expression(seed), tmp_path)
