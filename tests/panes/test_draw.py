"""A drawn digit: made as MNIST's are, judged by the model at the cursor, and nothing of the run is touched by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


def look(session: Session, ink: bytes, event: int = 0, at: int = 1) -> DrawView:
    view: DrawView | None = session.viewer.see(Look(["draw"], draw=DrawLook(ink, event, at=at))).draw
    assert view is not None
    return view


@contextmanager
def plain_as(session: Session) -> Iterator[None]:
    """The model in evaluation mode with what it has at the cursor, by plain PyTorch."""
    model = session.trainer.model
    with session.trainer.untouched():
        held = {name: item.clone() for name, item in model.state_dict().items()}
        model.load_state_dict(session.moment.values.tensors())
        model.eval()
        yield
        model.load_state_dict(held)


def everything(session: Session) -> list[object]:
    """All that a forward pass in passing could leave changed, as it is now."""
    model, tape = session.trainer.model, session.moment.tape
    assert tape is not None
    values = [value.tensor.tolist() for event in tape.events for value in event.outputs if value.tensor is not None]
    gradients = [None if p.grad is None else p.grad.tolist() for p in model.parameters()]
    state = {name: item.tolist() for name, item in model.state_dict().items()}
    modes = [(module.training, len(module._forward_hooks)) for module in model.modules()]
    return [session.digest(), torch.get_rng_state().tolist(), values, gradients, state, modes]


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


@pytest.mark.parametrize(
    "options",
    [
        {"layers": (784, 9, 2), "batch_norm": True, "dropout": 0.5},
        {"model": "convnet"},
        {"model": "gru", "layers": (28, 8, 2)},
    ],
)
def test_its_forward_pass_is_walked_operation_by_operation(options: dict[str, object]) -> None:
    """Its input first, at the end what plain PyTorch gives with the tensors of the cursor, and rules in between."""
    session = open_experiment(Experiment(classes=(1, 7), batch_size=200, learning_rate=0.3, **options))  # type: ignore[arg-type]
    session.do("goto 1:2:3")
    ink = levels(digits(20)[0, 0])
    model, like = session.trainer.model, session.trainer.loader.inputs[0]  # type: ignore[attr-defined]
    seen = look(session, ink, 1).walk
    assert seen is not None
    events = seen.tape.total
    passed = [look(session, ink, event, 3).walk for event in range(1, events + 1)]
    assert [walk.tape.cursor for walk in passed if walk] == list(range(1, events + 1))
    given = ((normalised(torch.frombuffer(bytearray(ink), dtype=torch.uint8).reshape(28, 28) / 255)) - MEAN) / STD
    logits: list[Tensor] = []
    with plain_as(session), torch.no_grad():
        logits.append(model(given.reshape(1, *like.shape)))
    last = passed[-1]
    assert last is not None
    assert [row for (row,) in last.value.values] == pytest.approx(logits[0].flatten().tolist(), abs=1e-5)
    assert passed[0] is not None
    assert passed[0].value.values[100] == pytest.approx([float(given.flatten()[100])])
    assert sum(bool(walk and walk.here.rule) for walk in passed) > events // 2
    assert all(walk.value.problem == "" and walk.value.at_row == min(3, walk.value.rows) for walk in passed if walk)
    assert set(last.stops) <= set(range(1, events + 1))


def test_walking_it_changes_no_bit_of_the_run() -> None:
    """Generators, gradients, modes, hooks, buffers and the batch's own tape: all is as it was, and goes on alike."""
    walked, plain = small(), small()
    calls: list[nn.Module] = []
    for session in (walked, plain):
        session.do("goto 1:2:4")
        session.trainer.model.register_forward_hook(lambda module, given, output: calls.append(module))
    before, tape = everything(walked), walked.moment.tape
    for event in (1, 3, 99):
        assert look(walked, levels(digits(20)[event % 5, 0]), event).walk
    assert everything(walked) == before
    assert walked.moment.tape is tape
    assert calls == []  # what a hook of the user's noted meanwhile is put back, too
    for session in (walked, plain):
        session.do("goto 1:4")
    assert walked.digest() == plain.digest()
    assert everything(walked) == everything(plain)


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


async def test_a_digit_is_drawn_with_keys_and_the_mouse_taken_back_cleared_and_walked_through(tmp_path: Path) -> None:
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
        await on.press("c", "f")
        assert not any(pane.ink)
        assert "nothing is drawn" in on.status
        await on.press("backspace")
        assert pane.ink == one
        place = on.session.moment.position
        await on.press("f", "right", "down", "down")
        shown = on.text("draw")
        assert "event 2/" in shown
        assert f"z₃[1](1) = {pane.data.walk.value.value:.6g}".replace("-", "−") in shown
        await on.press("n", "N", "left", "f")
        assert "draw here" in on.text("draw")
        await on.command("draw forward")
        assert "event 1/" in on.text("draw")
        await on.command("draw 6,6 20,6")
        assert "draw here" in on.text("draw")
        assert on.session.moment.position == place
        await on.press("z", "escape", "escape")
        assert on.main.current != "draw"
        await on.command("goto start")
        assert on.session.digest() == digest


def test_what_is_no_pixel_is_named() -> None:
    for text, word in (("draw 14,40", "14,40"), ("draw here", "here"), ("draw undo 3,3", "undo")):
        with pytest.raises(CommandError, match=f"“{word}” is no pixel") as caught:
            actions.parse(text)
        assert "draw 14,4 14,24" in caught.value.cure
