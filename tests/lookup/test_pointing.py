"""A wrong formula leads to the event that computes what is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.session import Session
from tests.support.school import School

NETWORK = "3-2-3 sigmoid sigmoid bce"
LIVE = Experiment(layers=(784, 2, 3), classes=(0, 1, 7), activation="sigmoid", loss="bce", batch_size=8)


@pytest.fixture(scope="module")
def session() -> Session:
    return open_experiment(LIVE)


@pytest.mark.parametrize(
    ("target", "formula", "made"),
    [
        ("dZ[1]", "dZ[2]@W[2]", "dZ[1]"),
        ("dZ[1]", "((A[2]-Y)*A[2]*(1-A[2]))@W[2]*A[1]*(1-A[1])", "dZ[2]"),
        ("dW[1]", "A[0].T@dZ[1]", "dW[1]"),
        ("dW[2]", "dZ[2].T@A[1]", "dA[2]"),
        ("db[1]", "sum0(dZ[1])", "dA[2]"),
        ("dA[1]", "-dZ[2]@W[2]", "dA[1]"),
        ("dA[2]/dZ[2]", "2*A[2]*(1-A[2])", "dZ[2]"),
    ],
)
def test_the_place_is_the_event_that_makes_the_first_wrong_factor(
    session: Session, target: str, formula: str, made: str
) -> None:
    session.do("goto 1:2")
    value: Any = session.do(f"formula {target} {NETWORK}: {formula}").value
    assert not value["right"]
    epoch, batch, event = value["place"].split(":")
    assert (epoch, batch) == ("1", "2")
    session.do(f"goto {value['place']}")
    assert not session.do(f"print {made}").error
    session.do(f"goto 1:2:{int(event) - 1}")
    assert session.do(f"print {made}").error


def test_a_right_formula_and_a_run_before_its_first_batch_point_nowhere(session: Session) -> None:
    session.do("goto 1:2")
    right: Any = session.do(f"formula dZ[2] {NETWORK}: A[2] - Y").value
    assert right["place"] == ""
    session.do("goto start")
    wrong: Any = session.do(f"formula dZ[2] {NETWORK}: Y - A[2]").value
    assert (wrong["right"], wrong["place"]) == (False, "")


async def test_enter_goes_there_before_the_question_is_answered_again(tmp_path: Path) -> None:
    school = School(tmp_path, "backprop-2")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.app.perform("page 4")
        await pilot.pause()
        engine = school.started[0]
        await pilot.press("enter", *"dZ[2]", "enter")
        asked = "formula db[2] 3-2-3 sigmoid sigmoid bce: dZ[2]"
        verdict = {"right": False, "said": "it is (N × n_2)", "first_wrong": "∂ℒ/∂b[2]", "place": "1:1:9"}
        engine.answer(asked, verdict)
        await pilot.pause()
        await pilot.pause()
        assert "▶ :goto 1:1:9 — ∂ℒ/∂b[2], as the machine computes it" in school.page()
        await pilot.press("enter")
        await pilot.pause()
        assert engine.asked[-1] == "goto 1:1:9"
        engine.answer("goto 1:1:9", None, "epoch 1 batch 1/396 event 9/15: backward linear 2")
        await pilot.pause()
        await pilot.pause()
        assert "batch 1/396 event 9/15: backward linear 2" in school.page()
        await pilot.press("enter")
        await pilot.pause()
        assert school.app.main.command_line.is_open
        assert school.app.main.command_line.value == "answer "


async def test_where_the_page_runs_nothing_the_users_own_run_is_not_moved(tmp_path: Path) -> None:
    school = School(tmp_path, "chain-rule")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.app.perform("page 2")
        school.app.perform("answer y - yhat")
        verdict = {"right": False, "said": "has the wrong sign", "first_wrong": "∂_Z[1]", "place": "1:1:5"}
        school.own.answer("formula dZ[1] 4-1 sigmoid sigmoid bce: y - yhat", verdict)
        await pilot.pause()
        await pilot.pause()
        assert "has the wrong sign" in school.page()
        assert "goto" not in school.page()
