"""Marks, upright lines and ticks of the plots stand in the cells of what they mark."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest

from engine.protocol.views import Curve, LandscapeView, LossView
from nnwalk_tui.render import landscape, loss
from nnwalk_tui.render.canvas import Canvas, cell
from nnwalk_tui.render.text import Line
from tests.support import fake_views

SIZES = [(44, 14), (45, 15), (78, 12), (118, 31), (199, 50), (63, 23)]


def rows_of(lines: list[Line], signs: str) -> list[tuple[int, int]]:
    """Where signs stand: rows and columns, from the top left."""
    texts = ["".join(text for text, _ in line) for line in lines]
    return [(row, column) for row, text in enumerate(texts) for column, sign in enumerate(text) if sign in signs]


def run(batches: int, position: int, epochs: list[int], value: float = 2.32) -> LossView:
    x = [float(at) for at in range(1, batches + 1)]
    y = [value * math.exp(-at / 80) for at in range(batches)]
    valid = [0, *(end for end in epochs if end <= batches)]
    return LossView(
        train=Curve("loss", x, y, y),
        iterations=628,
        first=1,
        last=314,
        position=position,
        epochs=epochs,
        valid_iterations=valid,
        valid_loss=[y[max(0, at - 1)] for at in valid],
        valid_accuracy=[0.5 for _ in valid],
    )


def is_braille(text: str) -> bool:
    return any("\u2800" < sign <= "\u28ff" for sign in text)


def test_a_mark_stands_in_the_cell_of_the_dot_at_its_place() -> None:
    for x, y in itertools.product((0.0, 0.4, 0.5, 1.5, 1.6, 2.5, 3.5), (0.0, 0.5, 2.5, 3.4, 3.5, 3.6, 7.5)):
        canvas = Canvas(4, 4)
        canvas.dot(x, y, "text")
        assert not canvas.is_blank(*cell(x, y))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_epoch_s_line_its_validation_and_its_tick_share_a_column(width: int, height: int) -> None:
    view = run(200, 200, [157])
    lines = loss.losses(view, width, height)
    texts = ["".join(text for text, _ in line) for line in lines]
    tick = texts[-2].index("┬", texts[-2].index("┬") + 1)
    assert {column for _, column in rows_of(lines, "┊")} == {tick}
    assert tick in {column for _, column in rows_of(lines, "●")}
    assert texts[-1][tick] in "157"


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("position", [3, 40, 156, 157, 158, 313, 314])
def test_the_cursor_stands_at_its_batch_s_point(width: int, height: int, position: int) -> None:
    view = msgspec.structs.replace(run(position, position, []), valid_iterations=[], valid_loss=[])
    lines = loss.losses(view, width, height)
    cursor = {column for _, column in rows_of(lines, "│")} - {loss.GUTTER}
    bare = loss.losses(msgspec.structs.replace(view, position=-400), width, height)
    last = max(at for line in bare for at, sign in enumerate("".join(text for text, _ in line)) if is_braille(sign))
    assert cursor == {last}


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("value", [2.32, 2.325, 2.4, 2.25, 1.1, 0.13])
def test_equal_values_lie_in_one_row_as_points_and_as_marks(width: int, height: int, value: float) -> None:
    view = msgspec.structs.replace(run(1, -400, [], value), valid_iterations=[300], valid_loss=[value])
    lines = loss.losses(view, width, height)
    (mark,) = {row for row, _ in rows_of(lines, "●")}
    points = {row for row, line in enumerate(lines) if is_braille("".join(text for text, _ in line))}
    assert points == {mark}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_value_on_the_middle_tick_lies_in_its_row(width: int, height: int) -> None:
    view = msgspec.structs.replace(run(1, -400, [], 1.0), valid_iterations=[0, 300], valid_loss=[2.5, 1.75])
    lines = loss.losses(view, width, height)
    ticks = [row for row, _ in rows_of(lines, "┤")]
    assert [row for row, _ in rows_of(lines, "●")] == ticks[:2]


@pytest.mark.parametrize("position", [0, 157])
def test_the_cursor_is_seen_where_an_epoch_begins(position: int) -> None:
    epochs = [0, 157]
    lines = loss.losses(run(157, position, epochs), 44, 14)
    cursor = {column for _, column in rows_of(lines, "│")} - {loss.GUTTER}
    assert len(cursor) == 1
    assert cursor.isdisjoint({column for _, column in rows_of(lines, "┊")})


@pytest.mark.parametrize(("width", "height"), [*SIZES, (38, 9)])
@pytest.mark.parametrize("points", [3, 9, 41])
def test_the_landscape_s_marks_stand_on_its_curve(
    width: int, height: int, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = [("here", 0.013, 2.0), ("after", 0.4, 1.7)]
    bowl = [1.7 + 2 * (2 * at / (points - 1) - 1 - 0.4) ** 2 for at in range(points)]
    view = LandscapeView("parameter", "", "", "w", 0.0, 1.0, 1, points, bowl, None, marks, [], points)
    places = rows_of(landscape.draw(view, width, height)[1:-1], "◉▶")
    monkeypatch.setattr(Canvas, "put", lambda *_: None)
    curve = ["".join(text for text, _ in line) for line in landscape.draw(view, width, height)[1:-1]]
    assert len(places) == 2
    assert all(is_braille(curve[row][column]) for row, column in places)


def test_the_loss_of_here_is_on_the_curve_that_is_still_coarse() -> None:
    view = fake_views.landscape()
    assert view.marks[0] == ("here", 0.0, 2.0)
    assert (0.0, 2.0) in landscape._points(view)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_is_not_finite_is_marked_and_counted_and_no_line_goes_over_it(width: int, height: int) -> None:
    y = [1.0, 2.0, 2.0, 1.0]
    curve = Curve("loss", [1.0, 2.0, 300.0, 301.0], y, y, [2], [150.0, 160.0], 7, 300, 301)
    other = Curve("main", [1.0, 300.0], [1.0, 1.0], [1.0, 1.0], [1], [200.0], 1, 300, 301)
    view = LossView(curve, 628, [0, 314], [math.nan, 1.0], [], first=1, last=314, position=-400, branches=[other])
    lines = loss.losses(view, width, height)
    texts = ["".join(text for text, _ in line) for line in lines]
    assert {row for row, _ in rows_of(lines, "✗")} == {0}
    assert len(rows_of(lines, "✗")) >= 3  # of the batches, of the branch, and of the validation before training
    middle = [text[loss.GUTTER + 1 :][width // 8 : width // 2] for text in texts[:-2]]
    assert not any(map(is_braille, middle))
    legend = "".join(text for text, _ in loss.legend(view, loss.USUAL, 200))
    assert "✗ 7 NaN or inf" in legend
    assert "main, ✗ 1 NaN or inf" in legend
    assert "300 of 301 known" in legend
