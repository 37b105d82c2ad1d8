"""A drawn digit: made as MNIST's are, judged by the model at the cursor, and nothing of the run is touched by it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from engine import Session
from engine.errors import CommandError
from engine.experiments.data import MEAN, STD, load_digits, moved
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.panes.draw import normalised
from engine.protocol.messages import DrawLook, Look
from engine.protocol.views import DrawView
from nnwalk_tui import actions
from nnwalk_tui.panes.draw import DrawPane
from tests.support.live import live
from tests.support.sessions import small

SEVEN = "draw 6,6 20,6 12,24"


def levels(picture: Tensor) -> bytes:
    return (picture * 255).round().to(torch.uint8).numpy().tobytes()


def look(session: Session, ink: bytes) -> DrawView:
    view: DrawView | None = session.viewer.see(Look(["draw"], draw=DrawLook(ink))).draw
    assert view is not None
    return view


def digits(count: int = 300) -> Tensor:
    """Digits of MNIST, 0…1, whose longer side is 20 pixels, as nearly all are."""
    pictures = (load_digits().train.images[:count] * STD + MEAN).clamp(0, 1)
    pictures = (pictures * 255).round() / 255
    sides = torch.stack([(pictures > 0).any(side).sum(-1).amax(-1) for side in (2, 3)]).amax(0)
    return pictures[sides == 20]


def test_mnist_s_own_digits_stay_as_they_are_and_moved_ones_come_back() -> None:
    pictures = digits()
    assert len(pictures) > 250
    shift = torch.tensor([[3, -2]]).expand(len(pictures), 2)
    black = moved(pictures, shift).clamp(0, 1)
    for picture, away in zip(pictures[:, 0], black[:, 0], strict=True):
        strongest = picture / picture.amax()
        assert torch.allclose(normalised(picture), strongest, atol=1e-6)
        if torch.isclose(away.sum(), picture.sum()):  # nothing was pushed over the edge
            assert torch.allclose(normalised(away), strongest, atol=1e-6)


@pytest.mark.parametrize(
    ("top", "left", "height", "width"), [(0, 0, 28, 3), (20, 1, 4, 4), (2, 9, 5, 15), (13, 13, 1, 1)]
)
def test_any_drawing_fills_the_box_about_the_middle(top: int, left: int, height: int, width: int) -> None:
    ink = torch.zeros(28, 28)
    ink[top : top + height, left : left + width] = 0.6
    found = normalised(ink)
    rows, columns = ((found > 0).any(side).sum() for side in (1, 0))
    assert max(int(rows), int(columns)) == 20
    assert float(found.amax()) == 1.0
    for side in (0, 1):
        mass = found.sum(side)
        assert float((mass * torch.arange(28)).sum() / mass.sum()) == pytest.approx(14, abs=0.51)


@pytest.mark.parametrize("options", [{}, {"model": "convnet"}, {"model": "gru", "layers": (28, 8, 2)}])
def test_it_is_judged_by_the_model_as_it_is_at_the_cursor(options: dict[str, object]) -> None:
    session = open_experiment(Experiment(classes=(1, 7), batch_size=200, learning_rate=0.3, **options))  # type: ignore[arg-type]
    picture = digits(20)[0, 0]
    session.do("goto 1:1")
    first, digest = look(session, levels(picture)), session.digest()
    session.do("step 3")
    later = look(session, levels(picture))
    assert later.likely != first.likely
    given = (torch.frombuffer(bytearray(later.pixels), dtype=torch.uint8) / 255 - MEAN) / STD
    like = session.trainer.loader.inputs[0]  # type: ignore[attr-defined]
    with torch.no_grad():
        expected = session.trainer.model(given.reshape(1, *like.shape)).softmax(1)[0]
    assert later.likely == pytest.approx(expected.tolist(), abs=1e-3)
    assert later.classes == ["1", "7"]
    session.do("goto 1:1")
    assert (look(session, levels(picture)), session.digest()) == (first, digest)


def test_drawing_changes_no_bit_of_the_run() -> None:
    """Dropout and Adam: whatever drew from a stream, or counted, would be seen."""
    drawn, plain = small(), small()
    for at in range(6):
        look(drawn, levels(digits(20)[at, 0]))
        drawn.do("step")
        plain.do("step")
        look(drawn, levels(digits(20)[at, 0]))
    assert drawn.digest() == plain.digest()


def test_what_cannot_be_judged_says_why() -> None:
    assert look(small(), bytes(784)).likely == []
    points = open_experiment(Experiment(data="moons", points=40))
    assert "28×28" in look(points, bytes(784)).problem
    inputs = torch.rand(12, 1, 28, 28) * 2 - 1
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 3))
    loader = [(inputs, torch.arange(12) % 3)]
    theirs = Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader)
    assert "no batch has run" in look(theirs, bytes(784)).problem
    theirs.do("step")
    assert len(look(theirs, levels(digits(20)[0, 0])).likely) == 3


# ── the pane ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_digit_is_drawn_with_keys_and_the_mouse_taken_back_and_cleared(tmp_path: Path) -> None:
    async with live(tmp_path, (80, 24)) as on:
        digest = on.session.digest()
        await on.press("b", "9")
        assert "z gives this pane the screen" in on.text("draw")
        await on.press("z")
        assert "nothing is drawn" in on.text("draw")
        pane = on.pane("draw")
        assert isinstance(pane, DrawPane)
        await on.press("enter", "d", "down", "down", "down", "right", "d")
        one = pane.ink
        assert sum(level == 255 for level in one) >= 5
        assert "as it is given" in on.text("draw")
        await on.command(SEVEN)
        two = pane.ink
        assert two != one
        assert any(f"{share:.2f}" in on.text("draw") for share in pane.data.likely)
        await on.pilot.mouse_down("#draw", offset=(4, 5))
        await on.pilot.hover("#draw", offset=(9, 9))
        await on.pilot.mouse_up("#draw", offset=(9, 9))
        await on.settle()
        assert pane.ink[6 * 28 + 2] > 0  # the cell at 4,5 is the third of the third line of pixels
        await on.press("backspace")
        assert pane.ink == two
        await on.press("backspace")
        assert pane.ink == one
        await on.press("c")
        assert not any(pane.ink)
        await on.press("backspace")
        assert pane.ink == one
        await on.press("z", "escape", "escape")
        assert on.main.current != "draw"
        await on.command("goto start")
        assert on.session.digest() == digest


def test_what_is_no_pixel_is_named() -> None:
    for text, word in (("draw 14,40", "14,40"), ("draw here", "here"), ("draw undo 3,3", "undo")):
        with pytest.raises(CommandError, match=f"“{word}” is no pixel") as caught:
            actions.parse(text)
        assert "draw 14,4 14,24" in caught.value.cure
