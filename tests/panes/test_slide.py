"""A convolution cell by cell: what a cell shows adds up to what torch computed, forward and back, at any shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine import Session
from engine.panes.slide import slide_view
from engine.protocol.messages import Look, SlideLook
from engine.protocol.views import SlideView
from nnwalk_tui.panes.slide import SlidePane
from nnwalk_tui.render import slide as render
from nnwalk_tui.render.frame import inner
from tests.support.live import live
from tests.support.sessions import small

SHAPES: list[dict[str, Any]] = [
    {"kernel_size": 3},
    {"kernel_size": 3, "padding": 1, "groups": 2},
    {"kernel_size": (2, 3), "stride": (2, 1), "padding": (0, 2), "bias": False},
    {"kernel_size": 3, "stride": 2, "padding": 4, "dilation": 2},
    {"kernel_size": 1},
    {"kernel_size": 2, "dilation": 3, "padding": 3, "stride": 3},
]


def session_of(**shape: Any) -> Session:
    """Two examples of four channels; what comes before the convolution has a gradient, too."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 6, **shape), nn.Flatten(), nn.LazyLinear(3))
    model(torch.zeros(1, 4, 7, 6))
    loader = [(torch.randn(2, 4, 7, 6), torch.tensor([0, 2]))] * 3
    return Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)


def look(session: Session, **fields: Any) -> SlideView:
    view: SlideView | None = session.viewer.see(Look(["slide"], slide=SlideLook(2, **fields))).slide
    assert view is not None
    return view


def grid(view: SlideView, title: str) -> Tensor:
    return torch.tensor(next(each.values for each in view.grids if title in each.title), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_cell_s_products_and_bias_add_up_to_what_was_recorded(shape: dict[str, Any]) -> None:
    session = session_of(**shape)
    session.step()
    conv = session.moment.tape.events
    _, channels, rows, columns = [event for event in conv if event.aten == "convolution"][1].outputs[0].shape
    for channel in range(1, channels + 1):
        for row in range(1, rows + 1):
            for column in range(1, columns + 1):
                view = look(session, channel=channel, row=row, column=column, within=1 + row % 2, direction="forward")
                *parts, (_, recorded) = view.sums
                assert sum(value for _, value in parts) == pytest.approx(recorded, abs=1e-5)
                products = grid(view, "patch") * grid(view, "kernel")
                assert torch.allclose(grid(view, "products"), products)
                assert parts[0][1] == pytest.approx(float(products.sum()), abs=1e-9)
                assert (view.channel, view.row, view.column) == (channel, row, column)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_all_cells_send_back_is_the_gradient_that_torch_has(shape: dict[str, Any]) -> None:
    session = session_of(**shape)
    session.step()
    moment = session.moment
    assert moment.tape is not None
    back = next(event for event in moment.tape.events if event.twin is not None and event.twin.aten == "convolution")
    assert back.twin is not None
    to_x, to_w = (gradient for _, gradient in back.gradients_out[:2])
    assert to_x is not None
    assert to_w is not None
    read, kernel = torch.zeros(to_x.shape, dtype=torch.float64), torch.zeros(to_w.shape, dtype=torch.float64)
    _, channels, rows, columns = back.twin.outputs[0].shape
    for example in (1, 2):
        for channel, row, column in torch.cartesian_prod(*map(torch.arange, (channels, rows, columns))).tolist():
            for within in range(1, to_w.shape[1] + 1):
                at = SlideLook(2, channel + 1, within, row + 1, column + 1, "backward")
                view = slide_view(moment, at, example)
                kernel[channel, within - 1] += grid(view, "to kernel")
                _add(read[example - 1, view.maps[0].number - 1], view, grid(view, "to patch"))
    assert torch.allclose(kernel, to_w.double(), atol=1e-5)
    assert torch.allclose(read, to_x.double(), atol=1e-5)


def _add(picture: Tensor, view: SlideView, sent: Tensor) -> None:
    """What a cell sends to the patch, where the view says that the kernel lies."""
    for row, down in enumerate(view.down):
        for column, across in enumerate(view.across):
            if 0 <= down < picture.shape[0] and 0 <= across < picture.shape[1]:
                picture[down, across] += sent[row, column]


def test_it_follows_the_cursor_forward_and_back_and_says_what_is_still_to_come() -> None:
    session = session_of(kernel_size=3)
    session.step()
    session.do("back op 100")
    session.do("goto 1:1:2")

    def seen() -> SlideView:
        view: SlideView | None = session.viewer.see(Look(["slide"])).slide
        assert view is not None
        return view

    events = session.moment.tape.events
    forward = [event.number for event in events if event.aten == "convolution"]
    back = [event.number for event in events if event.twin is not None and event.twin.aten == "convolution"]
    found = []
    for number in (forward[0], forward[1], back[0], back[1]):
        session.do(f"goto 1:1:{number}")
        found.append((seen().convolution, seen().direction))
    assert found == [(1, "forward"), (2, "forward"), (2, "backward"), (1, "backward")]
    session.do(f"goto 1:1:{forward[0]}")
    assert f"by event {forward[1]}" in look(session).problem
    session.do(f"goto 1:1:{forward[1]}")
    assert f"goes back with event {back[0]}" in look(session, direction="backward").problem


def test_the_weight_is_the_one_that_the_event_read_not_the_updated_one() -> None:
    session = session_of(kernel_size=3)
    weight = session.trainer.model[1].weight.detach().clone()
    session.step()
    assert torch.allclose(grid(look(session, channel=2, within=3), "kernel"), weight[1, 2].double())


def test_without_a_convolution_it_says_so() -> None:
    session = small()
    assert "no batch has run" in look(session).problem
    session.step()
    assert "no convolution in this batch" in look(session).problem


def test_of_a_large_map_the_part_about_the_window_is_sent() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    picture = torch.randn(1, 1, 100, 80)
    loader = [(picture, torch.tensor([1]))]
    session = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)
    session.step()
    view = slide_view(session.moment, SlideLook(1, 1, 1, 90, 5), 1)
    read = view.maps[0]
    assert (read.height, read.width) == (64, 64)
    levels = torch.tensor([[read.levels[row * 64 + column] for column in view.across] for row in view.down])
    expected = (picture[0, 0, 89:92, 4:7] / picture.abs().max() * 127).round() + 128
    assert torch.equal(levels.float(), expected)


# ── the pane ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_arrows_keys_and_the_mouse_choose_the_cell(tmp_path: Path) -> None:
    async with live(tmp_path, (80, 24), model="convnet", layers=None, train_size=100, batch_size=50) as on:
        digest = on.session.digest()
        await on.press("b", "0", "z", "enter")
        pane = on.pane("slide")
        assert isinstance(pane, SlidePane)
        assert (pane.data.row, pane.data.column, pane.data.convolution) == (14, 14, 1)
        await on.press("right", "down", "down", "n", "n")
        assert (pane.data.row, pane.data.column, pane.data.channel) == (16, 15, 3)
        text = on.text("slide")
        for word in ("patch", "kernel", "products", "= Z[1]", "16, 15", "A[0] channel 1", "Z[1] channel 3 of 8"):
            assert word in text
        where = render.places(pane.data, *inner(*pane.size))[1]
        await on.pilot.click("#slide", offset=(1 + where.x + 3, 1 + where.y + 2))
        await on.settle()
        assert (pane.data.row, pane.data.column) == (5, 4)
        await on.press("v")
        assert "to kernel" in on.text("slide")
        await on.press("m", "c")
        assert (pane.data.convolution, pane.data.within, pane.data.direction) == (2, 2, "backward")
        await on.press("N", "C", "M", "f")
        assert (pane.data.convolution, pane.data.within, pane.data.direction) == (1, 1, "forward")
        await on.command("goto start")
        assert on.session.digest() == digest
