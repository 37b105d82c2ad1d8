"""Lessons in the program: the list, the page, answers, and the user's own run that waits meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.protocol.commands import Names
from nnwalk_tui.catalogue import LESSON, PANE_NAMES
from nnwalk_tui.places.layout import Page, plan
from nnwalk_tui.screens.lessons import LessonList, LessonsScreen
from tests.support.school import School


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
        await pilot.press("a", "b", "enter")
        await pilot.pause()
        assert "choose one of a, b, c" in school.page(), "ab is no choice"
        await pilot.press("a", "enter")
        await pilot.pause()
        assert "✓ right" in school.page()
        assert "computing similarity.averages" in school.page()
    again = School(tmp_path, "similarity")
    async with again.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
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
        school.started[0].answer(asked, {"right": False, "said": "your ∂ℒ/∂W[2] lacks the 1/N", "first_wrong": ""})
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


async def test_a_guess_is_settled_by_the_first_answer_and_blamed_on_nobody(tmp_path: Path) -> None:
    school = School(tmp_path, "ethics")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.own.answer("compute data.missing", {"value": {"overall_before": 0.89, "overall_after": 0.81}})
        await pilot.press("enter", *"50", "enter")
        await pilot.pause()
        await pilot.pause()
        assert "· it is 81.00 %: you guessed too little" in school.page()
        assert "That still sounds" in school.page()
        assert "enter the next page" in school.page()
        guide = school.app.classroom.guide
        assert guide is not None
        assert not guide.was_right(guide.lesson.questions[0])


async def test_what_a_walk_gave_is_told_without_what_the_panes_show_better(tmp_path: Path) -> None:
    school = School(tmp_path, "start")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.app.perform("page 4")
        await pilot.press("enter")
        said = "epoch 1 batch 1/157 event 6/21: forward linear 3  loss 2.3  valid_loss 2.3254  valid_accuracy 0.0360"
        school.started[0].answer("step phase", None, said)
        await pilot.pause()
        await pilot.pause()
        assert "batch 1/157 event 6/21: forward linear 3 · loss 2.3 " in school.page()
        assert "valid_loss" not in school.page()
        assert "○ :step phase — forward: the outputs" in school.page().replace("▶", "○")


async def test_a_lesson_with_an_experiment_parks_the_users_run_and_leaving_gives_it_back(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(80, 24)) as pilot:
        school.app.perform("lesson network")
        school.app.perform("page 4")
        await pilot.pause()
        assert school.app.talk.target is school.started[0]
        experiment = school.started[0].experiment
        assert experiment is not None
        assert experiment.layers == (784, 2, 3)
        assert "goto 1:1:6" in school.started[0].asked
        school.app.perform("leave")
        await pilot.pause()
        assert school.app.talk.target is school.own
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
        assert school.app.talk.target.asked[-2:] == ["step phase", "step phase"]  # type: ignore[attr-defined]


async def test_keys_of_a_lesson_say_so_where_none_is_open(tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(80, 24)) as pilot:
        await pilot.press("d")
        assert "no lesson is open" in school.app.main.command_line.status


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (119, 50), (120, 40), (200, 60)])
@pytest.mark.parametrize("beside", [(), ("graph", "here"), ("tape", "graph"), ("loss",)])
def test_the_lessons_plan_fills_its_screen_without_overlap(size: tuple[int, int], beside: tuple[str, ...]) -> None:
    boxes = plan(*size, [LESSON, *PANE_NAMES], page=Page(beside)).boxes
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
            assert name in plan(*size, recent, page=Page(("graph", "here"))).boxes


async def test_a_long_page_opens_at_its_top_and_enter_scrolls_before_it_does_what_is_next(tmp_path: Path) -> None:
    school = School(tmp_path, "data")
    async with school.app.run_test(size=(80, 13)) as pilot:
        await pilot.pause()
        school.app.perform("page 3")
        await pilot.pause()
        await pilot.pause()
        assert "Two partitions" in school.page()
        assert "the shape of X_train?" not in school.page()
        await pilot.press("enter")
        await pilot.pause()
        assert "the shape of X_train?" in school.page()
        assert not school.app.main.command_line.is_open
        await pilot.press("enter")
        await pilot.pause()
        assert school.app.main.command_line.is_open


async def test_what_a_try_gave_is_read_from_its_top(tmp_path: Path) -> None:
    school = School(tmp_path, "ethics")
    async with school.app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        school.app.perform("page 4")
        await pilot.pause()
        await pilot.press("enter")
        text = "compute data.missing digit=1 keep=10"
        rows = [[f"row {k}", 0.5] for k in range(40)]
        school.own.answer(text, {"value": 1, "table": {"columns": ["digit", "all"], "rows": rows}})
        await pilot.pause()
        await pilot.pause()
        shown = school.page()
        assert f"● :{text}" in shown
        assert "row 5" in shown
        assert "row 39" not in shown


@pytest.mark.parametrize("opens", ["t", "question_mark", "K"])
async def test_keys_in_a_list_do_nothing_to_the_run_behind_it(opens: str, tmp_path: Path) -> None:
    school = School(tmp_path)
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.press(opens, "b", "o", "full_stop", "right")
        await pilot.pause()
        assert not [text for text in school.own.asked if not text.startswith("compute ")]  # a lesson's page may


async def test_what_begins_an_answer_lets_it_be_typed_and_steps_nothing(tmp_path: Path) -> None:
    school = School(tmp_path, "similarity")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press(*"10", "space", *"%", "enter", "full_stop")
        await pilot.pause()
        await pilot.press("b", "enter")
        await pilot.pause()
        await pilot.pause()
        assert "✗ an 8 and a 0 have about as much ink" in school.page()
        assert not [asked for asked in school.own.asked if asked.startswith("step")]
        await pilot.press("o")
        await pilot.pause()
        assert school.own.asked[-1] == "step op", "what begins no answer is a key as ever"


async def test_after_a_lesson_the_next_one_is_marked(tmp_path: Path) -> None:
    school = School(tmp_path, "ethics")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        guide = school.app.classroom.guide
        assert guide is not None
        for question in guide.lesson.questions:
            guide._progress.answered(guide.lesson, question.name, right=True)
        school.app.perform(f"page {len(guide.lesson.pages)}")
        for _ in range(3):
            school.app.perform("try")
        await pilot.pause()
        await pilot.press("full_stop")
        await pilot.pause()
        screen = school.app.screen
        assert isinstance(screen, LessonsScreen)
        assert screen.query_one(LessonList).opens == "data"


async def test_what_the_engine_before_was_asked_is_answered_by_no_other(tmp_path: Path) -> None:
    school = School(tmp_path, "network")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        answered: list[object] = []
        school.app.talk.ask("names", Names(), answered.append)
        assert school.app.talk.waiting
        school.app.perform("page 4")  # begins the lesson's own run
        await pilot.pause()
        assert school.started
        assert not school.app.talk.waiting


async def test_on_a_small_screen_what_is_to_be_watched_is_seen_and_enter_goes_on_from_any_pane(tmp_path: Path) -> None:
    school = School(tmp_path, "start")
    async with school.app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert [*school.app.main.plan.panes] == [LESSON]
        school.app.perform("page 4")
        await pilot.pause()
        assert [*school.app.main.plan.panes] == [LESSON, "graph", "here"]
        await pilot.press("tab", "enter", "enter")  # scrolls, then does
        await pilot.pause()
        assert school.app.main.current == "graph"
        assert school.started[0].asked[-1] == "step phase"
        assert not school.app.main.entered
        school.app.perform("page 5")
        await pilot.pause()
        assert [*school.app.main.plan.panes] == [LESSON]


async def test_enter_in_a_table_goes_on_until_the_arrows_choose_a_row(tmp_path: Path) -> None:
    school = School(tmp_path, "two-layer")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.app.perform("page 4")
        for key in ("layers", "tape"):
            school.app.perform(f"focus {key}")
            pane = school.app.main.panes[key]
            assert not pane.check_action("inspect", ())
            await pilot.press("down")
            assert pane.check_action("inspect", ())
        school.app.perform("layout overview")
        assert school.app.main.panes["layers"].check_action("inspect", ())


async def test_a_page_without_a_run_tells_of_none(tmp_path: Path) -> None:
    school = School(tmp_path, "ethics")
    async with school.app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        main = school.app.main
        assert "lesson ethics · Whose digits are missing?" in main.header.render_line(0).text
        assert "timeline" not in main.plan.boxes
        school.app.perform("lesson network")
        school.app.perform("page 4")
        await pilot.pause()
        assert "lesson" not in main.header.render_line(0).text
        assert "timeline" in main.plan.boxes


async def test_a_number_that_is_not_there_yet_says_so(tmp_path: Path) -> None:
    school = School(tmp_path, "two-layer")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "reached (computing…) in four epochs" in " ".join(school.page().replace("│", " ").split())


async def test_a_table_is_computed_anew_from_other_values(tmp_path: Path) -> None:
    school = School(tmp_path, "optimizers")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        school.app.perform("page 2")
        own = "compute optimizers.path optimizer=momentum steps=60"
        school.own.answer(own, {"value": {"height": 1.0}})
        await pilot.pause()
        await pilot.pause()
        shown = " ".join(school.page().replace("│", " ").split())
        assert "other values: :change optimizer=momentum surface=ravine steps=60 rate=0.0 momentum=0.0" in shown
        school.app.perform("change rate=0.05 momentum=0.99")
        assert school.own.asked[-1] == f"{own} rate=0.05 momentum=0.99"
        for wrong, said in (("mood=3", "no table here takes “mood=3”"), ("rate=x", "rate=x is not a number")):
            school.app.perform(f"change {wrong}")
            assert said in school.app.status.problem
        school.app.perform("page 1")
        school.app.perform("page 2")
        assert school.app.classroom.guide is not None
        assert not school.app.classroom.guide._changed


async def test_a_wrong_formula_that_the_lesson_foresees_gets_its_reason_at_once(tmp_path: Path) -> None:
    school = School(tmp_path, "activations")
    async with school.app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        guide = school.app.classroom.guide
        assert guide is not None
        at = next(k for k, page in enumerate(guide.lesson.pages) if "slope-formula" in [q.name for q in page.questions])
        for question in guide.lesson.pages[at].questions:
            if question.name != "slope-formula":
                guide._progress.answered(guide.lesson, question.name, right=True)
        school.app.perform(f"page {at + 1}")
        school.app.perform("answer  yhat ")
        await pilot.pause()
        assert "that is the height of the curve; its slope is asked" in school.page()
        assert not [text for text in school.own.asked if text.startswith("formula")]
