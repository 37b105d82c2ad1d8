"""Codes in the plane: what the encoder itself gives, at the cursor's parameters, and where they are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.experiments.data import BatchLoader
from engine.experiments.experiment import Experiment
from engine.experiments.models import Autoencoder
from engine.launch import open_experiment
from engine.panes import codes as pane
from engine.protocol.messages import CodesLook, Look
from engine.protocol.views import CodesView
from engine.session import Session
from nnwalk_tui.render.codes import draw
from tests.support.live import live


def autoencoder(code: int) -> Session:
    return open_experiment(Experiment(model="autoencoder", layers=(784, code, 784), train_size=40, classes=(1, 7)))


def look(session: Session, pair: int = 0) -> CodesView:
    view = session.viewer.see(Look(["codes"], codes=CodesLook(pair))).codes
    assert view is not None
    return view


@pytest.mark.parametrize(("code", "pair", "axes"), [(2, 0, [1, 2]), (5, 1, [3, 4]), (5, 2, [1, 2])])
def test_they_are_what_the_encoder_gives_for_the_training_examples(code: int, pair: int, axes: list[int]) -> None:
    session = autoencoder(code)
    session.do("step batch 3")
    view, loader, digest = look(session, pair), session.trainer.loader, session.digest()
    model = session.trainer.model
    assert isinstance(loader, BatchLoader)
    assert isinstance(model, Autoencoder)
    with torch.no_grad():
        codes = model.encoder(loader.inputs)[:, axes[0] - 1 : axes[1]]
    assert (view.axes, view.width, view.total) == (axes, code, 40)
    places = torch.tensor([(x, y) for x, y, _ in view.points])
    low, high = torch.tensor(view.low), torch.tensor(view.high)
    torch.testing.assert_close(low + places * (high - low), codes)
    assert loader.labels is not None
    assert [kind for *_, kind in view.points] == loader.labels.tolist()
    assert session.digest() == digest
    session.do("goto 1:0")
    assert look(session, pair) != view
    session.do("goto last")
    assert look(session, pair) == view


def test_a_model_without_a_code_or_a_code_without_a_plane_says_so() -> None:
    assert "--code 2" in look(autoencoder(1)).problem
    session = open_experiment(Experiment(train_size=20))
    assert "makes no code" in look(session).problem
    assert not session.viewer.see(Look([])).run.codes
    lost = autoencoder(2)
    lost.do("step")
    lost.do("set b[1] b[1]*nan")
    assert "no code has two finite numbers" in look(lost).problem


def test_each_cell_shows_the_class_that_most_of_its_points_have() -> None:
    points = [(0.0, 1.0, 0), (1.0, 0.0, 1), (1.0, 0.0, 1), (1.0, 0.0, 0)]
    view = CodesView(axes=[1, 2], width=2, low=[-1, -2], high=[1, 2], points=points, classes=["3", "8"], total=4)
    lines = ["".join(text for text, _ in line) for line in draw(view, 12, 5)]
    assert (lines[0][1], lines[3][11]) == ("3", "8")
    assert "".join(lines[:4]).replace(" ", "") == "38"
    assert pane.NAME == "code"


async def test_the_pane_has_a_tab_where_there_are_codes_beside_all_others(tmp_path: Path) -> None:
    async with live(tmp_path, (80, 24), model="autoencoder", layers=(784, 4, 784), classes=(1, 7)) as on:
        await on.press("b", "k")
        tabs = on.main.tab_bar.render_line(0).text
        assert "k code" in tabs
        assert "x log" in tabs
        assert "1 and 2 of 4" in on.text("codes")
        await on.press("v")
        assert "3 and 4 of 4" in on.text("codes")
