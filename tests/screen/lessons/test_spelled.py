"""Formulas of lessons on a terminal without Unicode are spelled, so that ŷ is not y and e⁻ᶻ is no subtraction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nnwalk_tui.colours import theme
from nnwalk_tui.lessons.document import Equation, Text
from nnwalk_tui.lessons.library import lessons
from nnwalk_tui.render.lesson import equation
from nnwalk_tui.render.spelled import spelled


@pytest.fixture
def in_ascii() -> Iterator[None]:
    theme.use(ascii=True, colours=theme.Colours.NONE)
    yield
    theme.use(ascii=False, colours=theme.Colours.FULL)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("σ(z) = 1/(1 + e⁻ᶻ)", "sigmoid(z) = 1/(1 + exp(-z))"),
        ("ŷ − y", "yhat - y"),
        ("∂_Z[1] = (∂_Z[2]·W[2]) ∗ A[1]", "dZ[1] = (dZ[2].W[2]) * A[1]"),
        ("∂ℒ/∂W[2] = (1/N)·∂_Z[2]ᵀ·A[1]", "dL/dW[2] = (1/N).dZ[2].T.A[1]"),
        ("z₃[5](6123)", "z_3[5](6123)"),
        ("N×n_l₋₁", "Nxn_l-1"),
        ("w := w − η·∂ℒ/∂w", "w := w - eta.dL/dw"),
        ("10⁻¹⁶ and ½(ŷ − y)²", "1e-16 and 1/2(yhat - y)^2"),
        ("√784 ③ m̂/(√ŝ + ε)", "sqrt784 (3) mhat/(sqrtshat + eps)"),
        ("plain text", "plain text"),
    ],
)
def test_a_formula_is_spelled_as_it_would_be_typed(in_ascii: None, text: str, wanted: str) -> None:
    assert spelled(text) == wanted


def test_with_unicode_nothing_is_spelled() -> None:
    assert spelled("ŷ = σ(z)") == "ŷ = σ(z)"


def test_no_sign_of_the_course_has_no_twin(in_ascii: None) -> None:
    for lesson in lessons():
        for page in lesson.pages:
            for block in page.blocks:
                if isinstance(block, Text):
                    pieces = [piece for piece in block.pieces if isinstance(piece, str)]
                    assert all(spelled(piece).count("?") == piece.count("?") for piece in pieces), block
                if isinstance(block, Equation):
                    rows = ["".join(part for part, _ in line) for line in equation(block, 62)]
                    assert all("?" not in row and row.isascii() for row in rows), block
