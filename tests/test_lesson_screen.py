"""Lessons in the program: the list, the page, answers, and the user's own run that waits meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.experiment import Experiment
from engine.messages import Look
from engine.views import Answer, FromEngine
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.engine_client import EngineDied
from nnwalk_tui.layout import plan
from nnwalk_tui.layouts import LESSON, PANE_NAMES
from nnwalk_tui.lessons.library import COURSE
from nnwalk_tui.screens.lessons import LessonsScreen
from nnwalk_tui.teaching import Plan


class QuietClient:
    """An engine client that keeps what it was asked, and answers when told to."""

    def __init__(self, experiment: Experiment | None = None) -> None:
        self.experiment = experiment
        self.asked: list[str] = []
        self.closed = False
        self._callback: Callable[[FromEngine | EngineDied], None] = lambda _: None

    def on_message(self, callback: Callable[[FromEngine | EngineDied], None]) -> None:
        self._callback = callback

    def do(self, text: str) -> int:
        self.asked.append(text)
        return len(self.asked)

    def look(self, look: Look) -> None:
        """Nothing is ever seen."""

    def arrange(self, layout: dict[str, Any]) -> None: ...

    def interrupt(self) -> None:
        """Nothing runs."""

    def restart(self) -> None:
        """It lives."""

    def close(self) -> None:
        self.closed = True

    def answer(self, text: str, value: object) -> None:
        """Answer the last request of this text."""
        number = len(self.asked) - self.asked[::-1].index(text)
        self._callback(Answer(number, text, None, value))


class School:
    """An app with one client of the user's and any number of the lessons'."""

    def __init__(self, state: Path, first: str | None = None) -> None:
        self.own = QuietClient()
        self.started: list[QuietClient] = []
        self.app = NNWalkApp(self.own, state=state, lessons=Plan(COURSE, first), new_client=self._start)

    def _start(self, experiment: Experiment) -> QuietClient:
        self.started.append(QuietClient(experiment))
        return self.started[-1]

    def page(self) -> str:
        """What the lesson's pane shows."""
        pane = self.app.main.lesson
        return "\n".join(pane.render_line(y).text for y in range(pane.size.height))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_t_lists_the_lessons_and_enter_opens_the_first_that_is_not_done(
    size: tuple[int, int], tmp_path: Path
) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=size) as pilot:
        await pilot.press("t")
        assert isinstance(school.app.screen, LessonsScreen)
        await pilot.press("enter")
        await pilot.pause()
        assert school.app.main.current == LESSON
        assert "Learning from examples" in school.page()
        assert "start · 1 of 6" in school.page()


async def test_a_question_hides_what_follows_until_it_is_answered_and_a_wrong_answer_gets_its_reason(
    tmp_path: Path,
) -> None:
    school = School(tmp_path, "similarity")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("full_stop")
        await pilot.pause()
        assert "A better idea" in school.page()
        assert "computing" not in school.page()
        await pilot.press("enter", "b", "enter")
        await pilot.pause()
        assert "✗ an 8 and a 0 have about as much ink" in school.page()
        await pilot.press("a", "a", "enter")
        await pilot.pause()
        assert "✓ right" in school.page()
        assert "computing similarity.averages" in school.page()
    again = School(tmp_path, "similarity")
    async with again.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "similarity · 2 of 5" in again.page()
        assert "Ten averages, ten distances" in again.page()


async def test_a_formula_is_judged_by_the_engine(tmp_path: Path) -> None:
    school = School(tmp_path, "backprop-2")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.app.perform("page 3")
        school.app.perform("answer dZ[2].T @ A[1]")
        asked = "formula dW[2] 3-2-3 sigmoid sigmoid bce: dZ[2].T @ A[1]"
        school.own.answer(asked, {"right": False, "said": "your ∂ℒ/∂W[2] lacks the 1/N", "first_wrong": ""})
        await pilot.pause()
        await pilot.pause()
        assert "✗ your ∂ℒ/∂W[2] lacks the 1/N" in school.page()


async def test_an_answer_that_comes_before_its_value_is_judged_when_that_comes(tmp_path: Path) -> None:
    school = School(tmp_path, "similarity")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.app.perform("answer 10 %")
        await pilot.pause()
        assert "checking" in school.page()
        school.own.answer("compute similarity.random", {"value": {"expected": 0.1, "this_seed": 0.101}})
        await pilot.pause()
        await pilot.pause()
        assert "✓ right: 10 %" in school.page()


async def test_a_lesson_with_an_experiment_parks_the_users_run_and_leaving_gives_it_back(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(80, 24)) as pilot:
        school.app.perform("lesson network")
        school.app.perform("page 4")
        await pilot.pause()
        assert school.app.client is school.started[0]
        experiment = school.started[0].experiment
        assert experiment is not None
        assert experiment.layers == (784, 2, 3)
        assert "goto 1:1:6" in school.started[0].asked
        school.app.perform("leave")
        await pilot.pause()
        assert school.app.client is school.own
        assert not school.own.closed
        await pilot.pause()
    assert school.started[0].closed


async def test_tries_are_done_one_by_one(tmp_path: Path) -> None:
    school = School(tmp_path, "start")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.app.perform("page 4")
        await pilot.press("enter", "d")
        await pilot.pause()
        assert school.app.client.asked[-2:] == ["step phase", "step phase"]  # type: ignore[attr-defined]


async def test_keys_of_a_lesson_say_so_where_none_is_open(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("d")
        assert "no lesson is open" in school.app.main.command_line.status


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (119, 50), (120, 40), (200, 60)])
@pytest.mark.parametrize("beside", [(), ("graph", "here"), ("tape", "graph"), ("loss",)])
def test_the_lessons_plan_fills_its_screen_without_overlap(size: tuple[int, int], beside: tuple[str, ...]) -> None:
    boxes = plan(*size, [LESSON, *PANE_NAMES], beside=beside).boxes
    seen: set[tuple[int, int]] = set()
    for box in boxes.values():
        cells = {(x, y) for x in range(box.x, box.x + box.width) for y in range(box.y, box.y + box.height)}
        assert not cells & seen
        seen |= cells
    assert all(x < size[0] and y < size[1] for x, y in seen)
    assert LESSON in boxes


def test_any_pane_can_be_seen_beside_a_lesson() -> None:
    for name in PANE_NAMES:
        recent = [name, LESSON, *(other for other in PANE_NAMES if other != name)]
        for size in ((80, 24), (120, 40)):
            assert name in plan(*size, recent, beside=("graph", "here")).boxes
