"""The pane of examples is called by what they are, and shows what there is of them: classes, or numbers."""

from __future__ import annotations

import math

import pytest
import torch
from rich.cells import cell_len
from torch import nn

from engine.launch import open_script
from engine.protocol.messages import Look
from engine.protocol.recipe import Script
from engine.protocol.views import BatchView, Scatter, Snapshot
from engine.session import Session
from nnwalk_tui.render import scatter as plot
from tests.support.fake_views import plain as line_text
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


def test_a_regression_s_predictions_are_set_against_their_targets() -> None:
    session = regression()
    session.do("step op")
    before = batch(session).scatter
    assert before is not None
    assert before.predictions == []
    session.step()
    tape, found = session.tape(), batch(session).scatter
    assert tape is not None
    assert tape.output is not None
    assert tape.targets is not None
    assert found is not None
    assert found.rows == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert found.targets == pytest.approx(tape.targets.reshape(-1).tolist())
    assert found.predictions == pytest.approx(tape.output.reshape(-1).tolist())
    with_classes = small()
    with_classes.step()
    assert batch(with_classes).scatter is None


@pytest.mark.parametrize(("width", "height"), [(26, 5), (40, 12), (90, 30)])
def test_exact_predictions_lie_on_the_diagonal_and_the_picked_one_where_it_is(width: int, height: int) -> None:
    exact = [number / 4 for number in range(9)]
    rows = list(range(1, 10))
    drawn = [line_text(line) for line in plot.scatter(Scatter(exact, exact, rows, 9), 9, width, height)]
    assert all(cell_len(line) <= width for line in drawn)
    assert drawn[0].rstrip().endswith("◉")
    assert " 2" in drawn[0]
    low = [line_text(line) for line in plot.scatter(Scatter(exact, [0.0] * 9, rows, 9), 9, width, height)]
    assert low[height - 3].rstrip().endswith("◉")
    assert "target" in low[-1]
    assert "2 NaN or inf" in line_text(plot.scatter(Scatter([], [], [], 2, 2), 1, width, height)[0])
