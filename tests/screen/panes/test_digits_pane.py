"""The digits pane over a real session: picking, orders, and what pictures tell of the network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.protocol.views import Example
from engine.session import Session
from nnwalk_tui.catalogue import EXAMPLE_KINDS as KINDS
from nnwalk_tui.colours import theme
from nnwalk_tui.panes.digits import DigitsPane
from nnwalk_tui.render import digits as render
from tests.support.live import Live, live
from tests.support.looks import batch as look
from tests.support.sessions import small


@pytest.fixture
def session() -> Session:
    session = small(dropout=0.0)
    session.do("step batch 3")
    return session


def plain(session: Session) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs, output and targets of the cursor's batch."""
    tape = session.tape()
    assert tape is not None
    assert tape.output is not None
    assert tape.targets is not None
    return tape.inputs[0], tape.output, tape.targets


def test_each_example_has_its_own_loss(session: Session) -> None:
    _, output, targets = plain(session)
    wanted = torch.nn.functional.cross_entropy(output, targets, reduction="none")
    found = [example.loss for example in look(session, count=200).examples]
    assert found == pytest.approx(wanted.tolist(), rel=1e-5)


def test_orders_sort_and_filter(session: Session) -> None:
    losses = [example.loss or 0.0 for example in look(session, order="highest loss", count=200).examples]
    assert losses == sorted(losses, reverse=True)
    likely = [example.probability or 0.0 for example in look(session, order="least sure", count=200).examples]
    assert likely == sorted(likely)
    labels = [example.label for example in look(session, order="class", count=200).examples]
    assert labels == sorted(labels)
    wrong = look(session, order="wrong", count=200)
    assert wrong.right is not None
    assert len(wrong.examples) == wrong.total == wrong.size - wrong.right
    assert not any(example.right for example in wrong.examples)


def test_a_window_of_an_order_is_a_part_of_it(session: Session) -> None:
    rows = [example.row for example in look(session, order="highest loss", first=11, count=5).examples]
    assert rows == look(session, order="highest loss").rows[10:15]


def test_the_gradient_towards_the_input_is_autograd_s(session: Session) -> None:
    inputs, _, targets = plain(session)
    session.do("back batch")
    session.do("step batch")
    model = session.trainer.model
    tape = session.tape()
    assert tape is not None
    leaf = inputs.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(
        torch.func.functional_call(model, dict(tape.before.tensors), (leaf,)), targets
    )
    wanted = torch.autograd.grad(loss, leaf)[0][4].reshape(28, 28)
    gallery = look(session, "input gradient", first=5, count=1).gallery
    assert gallery is not None
    assert gallery.scale == pytest.approx(float(wanted.abs().max()))
    found = (torch.frombuffer(bytearray(gallery.pictures[0].levels), dtype=torch.uint8).float() - 128) / 127
    assert torch.allclose(found.reshape(28, 28) * gallery.scale, wanted, atol=gallery.scale / 200)


def test_averages_are_of_the_training_partition(session: Session) -> None:
    gallery = look(session, "averages").gallery
    assert gallery is not None
    loader: Any = session.trainer.loader
    assert [picture.title for picture in gallery.pictures] == ["1", "7"]
    assert f"mean of {int((loader.targets == 0).sum())}" == gallery.pictures[0].note


def test_the_confusion_matrix_counts_every_example_once_and_says_of_what(session: Session) -> None:
    batch = look(session, "confusion", "batch").confusion
    assert batch is not None
    assert (sum(map(sum, batch.counts)), batch.of) == (200, "this batch, 200 examples")
    held = look(session, "confusion", "validation").confusion
    assert held is not None
    assert sum(map(sum, held.counts)) == 434
    assert "validation, 434 examples, batch 1:3" in held.of
    session.do("step epoch")
    end = look(session, "confusion", "validation").confusion
    assert end is not None
    right = sum(end.counts[at][at] for at in range(2)) / 434
    assert right == pytest.approx(session.do("print valid_accuracy").value)


@pytest.mark.parametrize("recipe", [{}, {"layers": (784, 4, 1), "loss": "bce"}])
def test_reliability_is_what_plain_pytorch_counts(recipe: dict[str, Any]) -> None:
    session = small(dropout=0.5, learning_rate=0.01, **recipe)
    session.do("step batch 3")
    found = look(session, "reliability", "validation").reliability
    assert found is not None
    bins: dict[int, list[tuple[float, bool]]] = {}
    with torch.no_grad(), session.trainer.untouched():
        session.trainer.model.eval()
        for inputs, targets in session.timeline.validation or ():
            output = session.trainer.model(inputs)
            shares = output.softmax(1) if output.shape[1] > 1 else torch.cat([1 - output, output], 1)
            for row, target in zip(shares.tolist(), targets.flatten().tolist(), strict=True):
                bins.setdefault(min(int(max(row) * 10), 9), []).append((max(row), row.index(max(row)) == target))
    assert [each.count for each in found.bins] == [len(bins[at]) for at in sorted(bins, reverse=True)]
    for each, at in zip(found.bins, sorted(bins, reverse=True), strict=True):
        assert each.low == at / 10
        assert each.sure == pytest.approx(sum(sure for sure, _ in bins[at]) / each.count, abs=1e-5)
        assert each.accuracy == pytest.approx(sum(right for _, right in bins[at]) / each.count, abs=1e-5)
    assert found.accuracy == pytest.approx(sum(each.count * each.accuracy for each in found.bins) / 434)
    assert found.error == pytest.approx(sum(e.count * abs(e.accuracy - e.sure) for e in found.bins) / 434)
    assert "434 examples, batch 1:3" in found.of


def test_where_nothing_says_how_sure_there_is_no_reliability() -> None:
    session = small(loss="half-mse", output="linear")
    session.do("step batch")
    assert "no probabilities" in look(session, "reliability", "validation").problem


def test_what_is_not_there_yet_says_when(session: Session) -> None:
    session.do("step op 2")
    assert "step past" in look(session, "input gradient").problem
    assert "nothing is predicted yet" in look(session, "confusion", "batch").problem


@pytest.mark.parametrize("kind", KINDS)
def test_looking_leaves_the_run_as_it_was(kind: str) -> None:
    seen, unseen = small(), small()
    for step in range(4):
        for session in (seen, unseen):
            session.do("step batch")
        for order in ("highest loss", "validation"):
            look(seen, kind, order)
        assert seen.digest() == unseen.digest(), step


def pane(on: Live) -> DigitsPane:
    found = on.pane("digits")
    assert isinstance(found, DigitsPane)
    return found


async def test_arrows_pick_an_example_that_other_panes_follow(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "o", "o", "5", "enter", "right", "right")
        assert on.session.viewer.picked == (3, 1)
        tape = on.session.tape()
        assert tape is not None
        assert f"z₁[1]({tape.indices[2]})" in on.text("here")
        assert "›" in on.text("digits")
        await on.press("down", "left", "up", "home")
        assert on.session.viewer.picked == (1, 1)
        await on.press("end")
        assert on.session.viewer.picked == (100, 1)
        await on.press("i", "enter", "end")
        assert "100▸" in on.text("tensor")


async def test_a_pick_out_of_view_comes_into_view(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "5", "enter")
        for _ in range(9):
            await on.press("right")
        assert on.session.viewer.picked[0] == 10
        assert "›" in on.text("digits")
        await on.press("pageup", "pageup", "pageup")
        assert "›" in on.text("digits")
        await on.command("pick 4 2")
        assert on.session.viewer.picked == (4, 2)
        await on.command("pick 4000")
        assert "rows are 1 to 100" in on.status


async def test_f_goes_through_the_orders(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "5")
        for order in ("wrong", "least sure", "highest loss", "class"):
            await on.press("f")
            assert f"f {order}" in on.text("digits")
        await on.press("V", "V", "f")
        assert "f batch · v confusion" in on.text("digits")
        assert "this batch, 100 examples" in on.text("digits")


async def test_v_goes_through_what_pictures_tell(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "5", "z")
        for words in ("more ink", "first-layer neuron", "average image", "validation, 434 examples", "ECE 0."):
            await on.press("v")
            assert words in on.text("digits")
        await on.press("v")
        assert "✓" in on.text("digits")


async def test_arrows_pick_a_neuron_among_the_first_layer_s(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "5", "z", "v", "v", "enter", "right", "right")
        assert on.session.viewer.picked == (1, 3)
        assert "›neuron 3" in on.text("digits")


@pytest.mark.parametrize("colours", [theme.Colours.FULL, theme.Colours.NONE])
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_every_view_is_drawn(size: tuple[int, int], colours: theme.Colours, tmp_path: Path) -> None:
    async with live(tmp_path, size, ascii=colours is theme.Colours.NONE) as on:
        await on.press("b", "5")
        for _ in KINDS:
            text = on.text("digits")
            assert "…" not in text.splitlines()[1]
            assert len(set(text)) > 10
            await on.press("v")


def test_more_and_smaller_pictures_come_before_few_large_ones() -> None:
    examples = [Example(at, at, "7", "7", 0.41, True, 28, 28, bytes(784)) for at in range(1, 65)]
    layout = render.grid(57, 33, examples)
    assert layout is not None
    assert (layout.cells, layout.rows) == (18, 9)
    assert layout.pictures >= 6
    small = render.grid(62, 8, examples)
    assert small is not None
    assert small.cells == 14


@pytest.mark.parametrize(("right", "style"), [(True, "right"), (False, "wrong"), (None, "quiet")])
@pytest.mark.parametrize("captions", [1, 2])
def test_the_picked_example_keeps_its_colour_beside_the_sign(right: bool | None, style: str, captions: int) -> None:
    example = Example(3, 3, "7", "7" if right else "1", 0.41, right, 28, 28, bytes(784))
    lines = render.pictures([example], render.Grid(14, 7, captions, 1, 1), 40, picked=3)
    spans = [(text.strip(), look) for text, look in lines[7] if text.strip()]
    assert spans[0] == ("›", "here")
    assert spans[1][1] == style
    assert spans[1][0].startswith(render.verdict(example))


async def test_the_border_says_which_are_in_view(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "5", "z")
        seen = on.text("digits").splitlines()[0]
        found = re.search(r"(\d+)–(\d+) of (\d+)", seen)
        assert found is not None
        first, last, total = map(int, found.groups())
        assert (first, total) == (1, pane(on).data[0].size)
        assert last == on.text("digits").count("→")


async def test_the_border_calls_the_examples_what_they_are_before_the_first_batch(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("5")
        text = on.text("digits")
        assert "5 digits" in text
        assert "the first batch comes with the first step" in text
