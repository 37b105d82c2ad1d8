"""Lessons draw indices as panes do, and say how they are typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nnwalk_tui.colours import theme
from nnwalk_tui.lessons.answers import shape_of
from nnwalk_tui.lessons.document import Equation, Question, Text, Verbatim
from nnwalk_tui.lessons.library import lessons
from nnwalk_tui.lessons.questions import hint, judge
from nnwalk_tui.render.indices import indexed, indexed_in_place
from nnwalk_tui.render.lesson import equation, styled
from nnwalk_tui.screens.terms import entry
from tests.support.school import School

BLOCKS = [block for lesson in lessons() for page in lesson.pages for block in page.blocks]
QUESTIONS = [block for block in BLOCKS if isinstance(block, Question)]


@pytest.fixture
def in_ascii() -> Iterator[None]:
    theme.use(ascii=True, colours=theme.Colours.NONE)
    yield
    theme.use()


@pytest.mark.parametrize(
    ("typed", "drawn"),
    [
        ("z_j = Σ_k a_k·w_jk + b_j", "zⱼ = Σₖ aₖ·wⱼₖ + bⱼ"),
        ("(N × n_2)·(n_2 × n_1)", "(N × n₂)·(n₂ × n₁)"),
        ("n_l₋₁×n_l", "nₗ₋₁×nₗ"),
        ("randn/√n_(l−1)", "randn/√nₗ₋₁"),
        ("√(6/(n_in + n_out))", "√(6/(nᵢₙ + nₒᵤₜ))"),
        ("∂_Z[2] and ∂_Z", "∂_Z[2] and ∂_Z"),
        ("X_train, X_valid", "X_train, X_valid"),
        ("n_y", "n_y"),  # there is no lowered y
        ("w_1,1", "w_1,1"),
        ("valid_accuracy, batch_size, sum_10", "valid_accuracy, batch_size, sum_10"),
    ],
)
def test_an_index_is_lowered_and_a_name_is_not(typed: str, drawn: str) -> None:
    assert indexed(typed) == drawn


def test_code_is_left_as_it_is_typed() -> None:
    assert "".join(text for text, _ in styled("n_l is typed `n_l`, **n_x**")) == "nₗ is typed n_l, nₓ"


def test_without_unicode_everything_is_as_it_was(in_ascii: None) -> None:
    assert indexed("z_j = w_jk") == "z_j = w_jk"
    assert indexed_in_place("x_1 ──w_1──╮") == "x_1 ──w_1──╮"


def test_a_figure_keeps_its_columns() -> None:
    assert indexed_in_place("x_1 ──w_1──╮") == "x₁  ──w₁───╮"
    assert indexed_in_place("w_1╮") == "w_1╮"
    for block in BLOCKS:
        if isinstance(block, Verbatim) and block.kind == "figure":
            for row in block.rows:
                drawn = indexed_in_place(row)
                assert [at for at, sign in enumerate(row) if sign in "╮┼╯▶"] == [
                    at for at, sign in enumerate(drawn) if sign in "╮┼╯▶"
                ]


def test_a_shape_stands_under_the_middle_of_its_factor() -> None:
    rows = ((("W[2]", "n_2×n_1"), ("·", ""), ("A[1]", "N×n_1")),)
    upper, lower = ("".join(text for text, _ in line) for line in equation(Equation(1, rows), 60))
    assert upper == "  W[2]  · A[1]"
    assert lower == "  n₂×n₁   N×n₁"


def test_no_index_of_the_course_is_left_as_typed_but_n_y() -> None:
    for block in BLOCKS:
        pieces = block.pieces if isinstance(block, Text) else block.because if isinstance(block, Question) else ()
        for piece in pieces:
            drawn = (
                "".join(text for text, style in styled(piece) if style != "forward") if isinstance(piece, str) else ""
            )
            assert not [word for word in drawn.split() if "_" in word.replace("∂_Z", "") and len(word) < 8], block


@pytest.mark.parametrize(
    "question", [each for each in QUESTIONS if "_" in str(each.answer)], ids=lambda each: each.name
)
def test_who_must_type_an_underscore_is_told_so(question: Question) -> None:
    if isinstance(question.answer, str):
        assert question.kind != "formula"
        assert question.kind != "shape" or "n_k" in hint(question)


@pytest.mark.parametrize("given", ["N x n_l", "N × nₗ", "(N, n_l)"])
def test_a_shape_may_be_typed_or_copied(given: str) -> None:
    question = next(each for each in QUESTIONS if each.answer == "N × n_l")
    assert judge(question, given, lambda call: None).right
    assert shape_of("nₗ₋₁ × nₗ") == shape_of("n_l−1 × n_l")


def test_the_glossary_writes_them_too() -> None:
    from engine.course.terms import find

    drawn = "\n".join("".join(text for text, _ in line) for line in entry(find("softmax")[0], 80))
    assert "Σₖ e^zₖ" in drawn


async def test_the_page_and_the_answer_are_drawn_with_indices_and_what_was_typed_as_typed(tmp_path: Path) -> None:
    school = School(tmp_path, "data")
    async with school.app.run_test(size=(120, 48)) as pilot:
        await pilot.pause()
        for _ in range(6):
            school.app.perform("page next")
            await pilot.pause()
            if "What is the shape of X, in letters?" in school.page():
                break
        assert "with an underscore: n_x" in " ".join(school.page().split())
        school.app.perform("answer ?")
        await pilot.pause()
        assert "or N × n_l" in school.page()
        school.app.perform("answer N x n_x")
        await pilot.pause()
        assert "> N x n_x" in school.page()
        assert "right: N × nₓ" in school.page()
