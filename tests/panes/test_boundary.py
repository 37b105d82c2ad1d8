"""The plane of a model of two inputs: the map is what the model itself says there, and costs the run nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from engine import Session
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.panes import boundary as pane
from engine.protocol.messages import BoundaryLook, Look
from engine.protocol.positions import Status
from engine.protocol.views import BoundaryView
from nnwalk_tui.render.boundary import RIGHT, WRONG
from tests.support.live import live
from tests.support.sessions import small


def spiral(**options: object) -> Session:
    return open_experiment(Experiment(data="spiral", points=120, layers=(2, 8, 2), **options))  # type: ignore[arg-type]


def look(session: Session, rows: int = 10, columns: int = 12) -> BoundaryView:
    view: BoundaryView | None = session.viewer.see(Look(["boundary"], boundary=BoundaryLook(rows, columns))).boundary
    assert view is not None
    return view


def middles(view: BoundaryView) -> Tensor:
    """The middles of the map's cells, by hand."""
    (left, bottom), side = view.low, view.side
    return torch.tensor(
        [
            [left + side * (column + 0.5) / view.columns, bottom + side * (1 - (row + 0.5) / view.rows)]
            for row in range(view.rows)
            for column in range(view.columns)
        ]
    )


def test_the_map_is_what_the_model_predicts_there_and_how_sure_it_is() -> None:
    session = spiral()
    session.do("step 12")
    view = look(session)
    with torch.no_grad():
        likely = session.trainer.model(middles(view)).softmax(1)
        train = session.trainer.loader
        right = session.trainer.model(train.inputs).argmax(1) == train.targets
    assert list(view.predicted) == likely.argmax(1).tolist()
    assert list(view.sure) == ((likely.amax(1) - 0.5) * 2 * 255).round().to(int).tolist()
    assert (view.right, view.total, view.about) == (int(right.sum()), 120, "training points")
    assert [was for *_, was in view.points] == right.tolist()
    assert all(0 < share < 1 for x, y, _ in view.points for share in (x, y))


def test_the_map_goes_back_with_the_cursor_and_changes_where_the_update_does() -> None:
    session = spiral(learning_rate=3.0)
    session.do("step 2")
    after = look(session)
    session.do("back op")
    assert look(session) != after
    session.do("goto 1:1")
    first, digest = look(session), session.digest()
    session.do("step op")
    assert look(session) is look(session)
    assert look(session) == first
    session.do("goto 1:2")
    assert look(session) == after
    session.do("goto 1:1")
    assert (look(session), session.digest()) == (first, digest)


def test_one_output_three_classes_and_numbers_that_are_none() -> None:
    neuron = open_experiment(Experiment(model="neuron", data="moons", points=40))
    neuron.do("step 3")
    view = look(neuron)
    with torch.no_grad():
        expected = (neuron.trainer.model(middles(view))[:, 0] > 0.5).long()
    assert list(view.predicted) == expected.tolist()
    assert len(look(open_experiment(Experiment(data="blobs", points=40))).classes) == 3
    session = spiral()
    session.do("step")
    session.do("set b[2] b[2]*nan")
    assert set(look(session).predicted) == {pane.UNKNOWN}


def test_a_loader_of_ones_own_has_its_points_or_those_of_the_batch() -> None:
    inputs, targets = torch.randn(30, 2), torch.arange(30) % 2
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    at_hand = Session(model, nn.CrossEntropyLoss(), optimizer, DataLoader(TensorDataset(inputs, targets), 10))
    assert look(at_hand).total == 30
    unknown = Session(model, nn.CrossEntropyLoss(), optimizer, [(inputs[:7], targets[:7])])
    assert "no batch has run" in look(unknown).problem
    unknown.do("step")
    assert (look(unknown).about, look(unknown).total) == ("points of this batch", 7)


def test_other_inputs_have_no_boundary_and_say_why() -> None:
    session = small()
    session.do("step")
    assert "X is 200×784" in look(session).problem


def test_a_run_has_a_new_map_only_as_often_as_it_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    made: list[BoundaryView] = []
    usual = pane._view

    def slow(*given: object) -> BoundaryView:
        clock[0] += 0.01
        made.append(usual(*given))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr("engine.panes.sparing.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(pane, "_view", slow)
    session = spiral()
    session.status = Status.RUNNING
    for _ in range(100):
        session.step()
        session.status = Status.RUNNING
        look(session)
        clock[0] += 0.01
    assert 0.01 * len(made) <= 0.05 * clock[0]
    assert len(made) >= 3
    session.status = Status.PAUSED
    assert look(session) is made[-1]
    assert made[-1] == usual(session.moment, BoundaryLook(10, 12))


# ── the pane ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_has_a_tab_where_the_run_is_over_points_and_v_chooses_the_points(tmp_path: Path) -> None:
    async with live(tmp_path, (80, 24), data="spiral", layers=(2, 8, 2), classes=None) as on:
        await on.press("b")
        assert "8 bdry" in on.main.tab_bar.render_line(0).text
        await on.press("8", "z")
        drawn = on.text("boundary")
        assert RIGHT in drawn
        assert WRONG in drawn
        assert "training points" in drawn
        await on.press("v")
        assert drawn.count(RIGHT) > on.text("boundary").count(RIGHT) == 1  # the legend's
        await on.press("v")
        assert on.text("boundary").count(WRONG) == 1


async def test_it_has_none_elsewhere_and_says_why_where_it_is_gone_to(tmp_path: Path) -> None:
    async with live(tmp_path, (80, 24)) as on:
        await on.press("b")
        assert "bdry" not in on.main.tab_bar.render_line(0).text
        await on.press("8")
        assert "two numbers" in on.text("boundary")
