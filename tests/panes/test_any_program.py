"""Every pane can be seen at every phase of any program, whatever its tensors are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from engine.launch import open_script
from engine.lookup.moment import Moment
from engine.panes.worked import worked
from engine.program.program import Supervised
from engine.protocol.messages import VIEWS, GradientLook, Look, PlotLook
from engine.protocol.positions import Unit
from engine.protocol.recipe import Script
from engine.session import Session
from tests.support.programs import PROGRAMS

NOWHERE = cast(Moment, None)  # only the first event asks where it is
EVERYTHING = Look(list(VIEWS), rows=40, gradients=GradientLook(points=8, chosen="dW[1]", bins=8), points=8)


def supervised(model: nn.Module, loss: Any, batches: list[Any], **options: float) -> Session:
    parameters = [*model.parameters(), *(loss.parameters() if isinstance(loss, nn.Module) else ())]
    optimizer = torch.optim.SGD(parameters, lr=options.get("lr", 0.1))
    return Session.of(Supervised(model, loss, optimizer, batches), epochs=2)


class LossFirst(nn.Module):
    """Gives its loss before its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        logits = self.linear(x)
        return {"loss": nn.functional.cross_entropy(logits, y), "logits": logits}


class Complex(nn.Module):
    """Has complex parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.complex64) @ self.weight).abs()


class OfPictures(nn.Module):
    """Takes one list of pictures of different sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 1)

    def forward(self, pictures: list[Tensor]) -> Tensor:
        return torch.stack([self.convolution(picture[None]).mean() for picture in pictures])


class Centres(nn.Module):
    """A loss with parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(3, 3))

    def forward(self, output: Tensor, targets: Tensor) -> Tensor:
        apart = (output - self.centres[targets]).pow(2).mean()
        return nn.functional.cross_entropy(output, targets) + 0.1 * apart


def rows(n: int = 6) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 4), torch.arange(n) % 3


def loss_first() -> Session:
    batches = [(x, y, y) for x, y in (rows(), rows())]
    return supervised(LossFirst(), lambda output, targets: output["loss"], batches)


def sparse() -> Session:
    model = nn.Sequential(nn.EmbeddingBag(20, 4, sparse=True), nn.Linear(4, 3))
    return supervised(model, nn.CrossEntropyLoss(), [(torch.randint(0, 20, (6, 2)), rows()[1]) for _ in range(2)])


def complex_numbers() -> Session:
    return supervised(Complex(), nn.CrossEntropyLoss(), [rows(), rows()])


def pictures() -> Session:
    batch = ([torch.randn(1, 4, 4), torch.randn(1, 5, 5)], torch.zeros(2))
    return supervised(OfPictures(), nn.MSELoss(), [batch, batch])


def loss_with_parameters() -> Session:
    return supervised(nn.Linear(4, 3), Centres(), [rows(), rows()])


def diverging() -> Session:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    return supervised(model, nn.MSELoss(), [(torch.randn(6, 4), torch.randn(6, 1))] * 2, lr=1e20)


@pytest.mark.parametrize("make", [loss_first, sparse, complex_numbers, pictures, loss_with_parameters, diverging])
def test_no_pane_fails_whatever_the_tensors_are(make: Callable[[], Session]) -> None:
    torch.manual_seed(0)
    session = make()
    session.step()
    for _ in range(12):
        session.step(Unit.PHASE)
        assert session.viewer.see(EVERYTHING).failed == {}
    session.goto("end")
    last = session.digest()
    session.goto("1:1")
    session.goto("end")
    assert session.digest() == last


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_pane_fails_in_a_step_of_one_s_own(name: str) -> None:
    session = open_script(Script(str(PROGRAMS[name].file), name, 3))
    session.step()
    for _ in range(8):
        session.step(Unit.PHASE)
        assert session.viewer.see(EVERYTHING).failed == {}


@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_worked_out_after_later_batches_are_those_of_their_own_event(name: str) -> None:
    session = open_script(Script(str(PROGRAMS[name].file), name, 3))
    tape = session.timeline.record_batch()
    session.timeline.record_batch()
    session.timeline.train_batch()
    with_rules = [event for event in tape.events[1:] if event.op.name != "lbfgs"]  # whose rule is in words
    assert [event.op.name for event in with_rules if not worked(NOWHERE, tape, event, (1, 1)).agrees] == []


def test_each_of_several_losses_and_rates_is_shown_and_plotted() -> None:
    session = open_script(Script(str(PROGRAMS["gan"].file), "gan", 3))
    session.step(Unit.BATCH, 3)
    names = session.timeline.loss_names
    shown = session.viewer.see(EVERYTHING)
    assert list(shown.losses) == names
    assert shown.curves is not None
    assert {*names, *session.timeline.rate_names()} <= set(shown.curves.quantities)
    assert [curve.name for curve in shown.curves.branches] == names[1:]
    for name in names:
        curves = session.viewer.see(Look(["curves"], plot=PlotLook(name))).curves
        assert curves is not None
        assert len(curves.train.x) == 3
