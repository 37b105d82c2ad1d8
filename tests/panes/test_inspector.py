"""Any tensor at the cursor: what the engine sends of it, and the files it is saved to."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from engine.lookup.expressions import evaluate
from engine.panes import tables
from engine.protocol.messages import Look, TensorLook
from engine.protocol.views import TensorView
from engine.session import Session
from tests.support.sessions import small


@pytest.fixture
def session() -> Session:
    session = small()
    session.do("step batch 2")
    return session


def look(session: Session, expression: str, **wanted: Any) -> TensorView:
    wanted = {"rows": 4, "columns": 3} | wanted
    view = session.viewer.see(Look(["tensor"], tensor=TensorLook(expression, **wanted))).tensor
    assert view is not None
    return view


def test_a_window_holds_the_values_that_print_shows(session: Session) -> None:
    view = look(session, "W[1]", row=3, column=101)
    assert (view.first_row, view.first_column, view.shape, view.dtype) == (3, 101, [6, 784], "float32")
    assert view.values == session.do("print W[1][3:6, 101:103]").value


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4, 5)])
def test_a_place_of_the_table_is_the_element_at_its_indices(shape: tuple[int, ...]) -> None:
    tensor = torch.arange(float(torch.tensor(shape).prod()) if shape else 1.0).reshape(shape)
    table = tables.as_table(tensor)
    for row in range(table.shape[0]):
        for column in range(table.shape[1]):
            found = tables.indices(shape, row + 1, column + 1)
            assert tensor[tuple(index - 1 for index in found)] == table[row, column]
            assert tables.place(shape, found) == (row + 1, column + 1)


@given(st.lists(st.sampled_from([0.0, 1.0, float("nan"), float("inf")]), min_size=1, max_size=30), st.data())
def test_the_next_place_is_the_nearest_one_after_going_round(values: list[float], data: st.DataObject) -> None:
    after = data.draw(st.integers(0, len(values) - 1))
    order = [*range(after + 1, len(values)), *range(after + 1)]
    bad = [at for at in order if not np.isfinite(values[at])]
    for stretch in (1, 3, 100):
        places = tables.Places(torch.tensor(values), tables.is_bad, stretch)
        assert places.after(after) == (bad[0] if bad else None)


def test_blocks_keep_the_value_of_greatest_magnitude_and_not_a_number() -> None:
    table = torch.zeros(100, 100)
    table[10, 10], table[10, 12], table[90, 60] = 1.0, -2.0, float("nan")
    found = tables.blocks(table, 2, 2)
    assert found[0] == [-2.0, 0.0]
    assert found[1][0] == 0.0
    assert np.isnan(found[1][1])


def test_nan_and_zeros_are_found_from_the_chosen_element(session: Session) -> None:
    assert look(session, "W[1]").next_bad == []
    session.do("set W[1][2,5] nan")
    view = look(session, "W[1]", at_row=1, at_column=1)
    assert view.next_bad == [2, 5]
    assert look(session, "W[1] * 0", at_row=2, at_column=4).next_zero == [2, 6]


def test_without_an_expression_it_follows_the_cursor(session: Session) -> None:
    names = []
    for _ in range(len(session.tape() or ())):
        session.do("step op")
        view = look(session, "")
        assert view.problem == ""
        names.append(view.name)
    assert {"Z[1]", "A[1]", "dZ[1]", "W[1]", "dW[1]"} & set(names) >= {"Z[1]", "dZ[1]", "W[1]"}


def test_what_is_not_computed_yet_says_when_it_will_be(session: Session) -> None:
    session.do("step op 2")
    assert "will be by event" in look(session, "dW[1]").problem
    session.do("back op 2")
    assert look(session, "dW[1]").problem == ""


def test_an_edit_changes_what_is_held_of_the_same_position(session: Session) -> None:
    before = look(session, "W[1]").values[0][0]
    session.do("set W[1][1,1] 5")
    assert look(session, "W[1]").values[0][0] == 5.0 != before


@pytest.mark.parametrize(
    ("against", "other"),
    [("gradient", "dW[1]"), ("dW[1]", "dW[1]"), ("W[1] * 2", "W[1] * 2")],
)
def test_it_is_compared_with_its_gradient_or_any_expression(session: Session, against: str, other: str) -> None:
    view = look(session, "W[1]", against=against, at_row=2, at_column=200)
    assert view.other_value == pytest.approx(float(evaluate(f"({other})[2,200]", session.values())))


@pytest.mark.parametrize(("against", "place"), [("before", "1:1"), ("1:1", "1:1"), ("start", "start")])
@pytest.mark.parametrize("name", ["W[1]", "A[1]"])
def test_it_is_compared_with_itself_at_another_position(session: Session, name: str, against: str, place: str) -> None:
    view = look(session, name, against=against, at_row=2, at_column=3)
    digest = session.digest()
    assert (session.position.batch, session.event) == (2, None)
    session.do(f"goto {place}")
    answer = session.do(f"print {name}[2,3]")
    if answer.error:
        assert view.against_problem
    else:
        assert view.other_value == answer.value
    session.do("goto last")
    assert session.digest() == digest


def test_a_comparison_that_cannot_be_made_says_why(session: Session) -> None:
    assert "differ in shape: 6×784 and 4×6" in look(session, "W[1]", against="W[2]").against_problem
    assert "has not run yet" in look(session, "W[1]", against="1:9").against_problem


def test_a_row_of_the_first_weights_is_a_picture(session: Session) -> None:
    assert look(session, "W[1]", at_row=4).pixels == [], "numbers are looked at"
    view = look(session, "W[1]", at_row=4, picture=True)
    assert view.picture == [28, 28]
    assert view.pixels == session.do("print W[1][4]").value
    assert look(session, "W[2]").picture == []


def test_an_address_of_the_course_is_a_place_of_a_tensor(session: Session) -> None:
    tape = session.tape()
    assert tape is not None
    found = session.do(f"place z₃[1]({tape.indices[16]})").value
    assert found == {"expression": "Z[1]", "row": 17, "column": 3}
    assert session.do("place b[1][4]").value == {"expression": "b[1]", "row": 4, "column": 1}
    assert "there is no place 99" in session.do("place W[1][1,99999]").error.replace("99999", "99")
    view = look(session, "Z[1]", at_row=17, at_column=3)
    assert view.address == f"z₃[1]({tape.indices[16]})"
    assert view.value == session.do(f"print {view.address}").value


def test_looking_at_a_tensor_leaves_the_run_as_it_was(session: Session) -> None:
    other = small()
    other.do("step batch 2")
    for expression in ("W[1]", "", "A[2]"):
        look(session, expression, against="before", whole=True)
    for each in (session, other):
        each.do("step batch 3")
    assert session.digest() == other.digest()


@pytest.mark.parametrize("name", ["W[1]", "b[1]", "A[1]", "loss", "W[1] > 0"])
def test_a_file_reads_back_bit_for_bit(session: Session, name: str, tmp_path: Path) -> None:
    if ">" in name:
        name = "abs(W[2])"
    value = torch.as_tensor(evaluate(name, session.values()))
    for ending in ("npy", "safetensors", "csv"):
        file = tmp_path / f"value.{ending}"
        answer = session.do(f"write {name} {file}")
        assert answer.error == ""
        assert str(file) in answer.text
    assert np.array_equal(np.load(tmp_path / "value.npy"), value.numpy())
    assert torch.equal(load_file(tmp_path / "value.safetensors")[name], value)
    read = np.loadtxt(tmp_path / "value.csv", delimiter=",", dtype=value.numpy().dtype, ndmin=2)
    assert np.array_equal(read.reshape(-1), value.numpy().reshape(-1))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_that_cannot_be_written_leaves_the_old_one(session: Session, tmp_path: Path) -> None:
    assert "ending" in session.do(f"write W[1] {tmp_path}/w.txt").error
    assert "no folder" in session.do(f"write W[1] {tmp_path}/none/w.npy").error
    (tmp_path / "w.npy").mkdir()
    assert "is a folder" in session.do(f"write W[1] {tmp_path}/w.npy").error
    assert [each.name for each in tmp_path.iterdir()] == ["w.npy"]
    assert "write needs" in session.do("write W[1]").error


def test_a_file_has_the_rights_that_other_files_have(session: Session, tmp_path: Path) -> None:
    session.do(f"write b[1] {tmp_path}/b.npy")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "b.npy").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
