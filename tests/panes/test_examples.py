"""The pane of examples is called by what they are, and shows what there is of them: classes, or numbers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from engine.launch import open_script
from engine.protocol.messages import Look
from engine.protocol.recipe import Script
from engine.protocol.views import BatchView, Snapshot
from engine.session import Session
from tests.support.programs import PROGRAMS
from tests.support.sessions import small
from tests.support.zoo import make


def seen(session: Session) -> Snapshot:
    return session.viewer.see(Look(["batch"], digits=4))


def batch(session: Session) -> BatchView:
    view = seen(session).batch
    assert view is not None
    return view


def regression() -> Session:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    data = [(torch.randn(5, 3), torch.randn(5, 2)) for _ in range(2)]
    return Session(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), data)


def embedding() -> Session:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 2))
    data = [(torch.randint(7, (5, 4)), torch.randint(2, (5,)))]
    return Session(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), data)


def test_a_regression_shows_what_was_predicted_beside_the_target() -> None:
    session = regression()
    session.do("step op")
    assert batch(session).examples[0].prediction == ""  # not computed yet
    session.step()
    tape = session.tape()
    assert tape is not None
    assert tape.output is not None
    assert isinstance(tape.targets, torch.Tensor)
    for row, example in enumerate(batch(session).examples):
        for shown, values in ((example.label, tape.targets[row]), (example.prediction, tape.output[row])):
            numbers = [float(number.replace("−", "-")) for number in shown.split(", ")]
            assert torch.allclose(torch.tensor(numbers), values, rtol=1e-3)
        assert example.right is None


def test_right_and_wrong_are_defined_of_classes_alone() -> None:
    for session, judged in ((regression(), False), (small(), True)):
        assert seen(session).judged  # not known yet
        session.step()
        assert seen(session).judged is judged


def test_examples_are_called_what_they_are() -> None:
    kinds = ((small(), "digits"), (make("convnet").session(), "pictures"), (regression(), "rows"))
    for session, kind in (*kinds, (embedding(), "tokens")):
        assert seen(session).run.examples in (kind, "examples")
        session.step()
        assert seen(session).run.examples == kind


def test_a_program_whose_examples_have_nothing_to_show_says_so() -> None:
    session = open_script(Script(str(PROGRAMS["gan"].file), "gan", 3))
    session.step()
    view = batch(session)
    assert "inspect X" in view.problem or all(each.height or each.label for each in view.examples)


def trained(model: nn.Module, loss: nn.Module, targets: torch.Tensor) -> Session:
    """One batch of eight rows."""
    torch.manual_seed(0)
    data = [(torch.randn(8, 3), targets)]
    session = Session(model, loss, torch.optim.SGD(model.parameters(), lr=0.1), data)
    session.step()
    return session


CLASSES = torch.arange(8) % 3
BINARY = (torch.arange(8) % 2).float()[:, None]


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_an_examples_own_loss_is_shown_where_the_loss_is_made_of_them() -> None:
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.2]), ignore_index=-100, label_smoothing=0.1)
    unlabelled = CLASSES.where(CLASSES < 2, torch.tensor(-100))
    for loss, targets in ((nn.CrossEntropyLoss(reduction="sum"), CLASSES), (weighted, unlabelled)):
        examples = batch(trained(nn.Linear(3, 3), loss, targets)).examples
        assert [each.loss is not None for each in examples] == [label >= 0 for label in targets[:4].tolist()]
        assert all(each.right is not None or int(each.label) < 0 for each in examples)
    broadcast = trained(nn.Linear(3, 1), nn.MSELoss(), torch.randn(8))  # the mean of 64 differences
    assert [each.loss for each in batch(broadcast).examples] == [None] * 4


def test_a_probability_is_the_one_that_the_loss_sees_or_is_not_shown() -> None:
    for loss, own in (
        (nn.NLLLoss(), nn.Identity()),
        (nn.NLLLoss(), nn.LogSoftmax(1)),
        (nn.CrossEntropyLoss(), nn.ReLU()),
    ):
        session = trained(nn.Sequential(nn.Linear(3, 3), own), loss, CLASSES)
        for each in batch(session).examples:
            if isinstance(own, nn.Identity):  # scores, that the loss takes for logarithms of probabilities
                assert each.probability is None
            elif each.right:
                assert each.probability is not None
                assert each.loss == pytest.approx(-math.log(each.probability), rel=1e-4)
    for each in batch(trained(nn.Linear(3, 1), nn.BCEWithLogitsLoss(), BINARY)).examples:
        assert each.probability is not None
        assert each.loss == pytest.approx(-math.log(each.probability if each.right else 1 - each.probability), rel=1e-4)
