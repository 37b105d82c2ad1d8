"""Rules as they are shown and worked out: of the call that ran, at one element, and none that misses what was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.lookup.moment import Moment
from engine.panes.equations import backward_rule, forward_rule
from engine.panes.updates import update
from engine.panes.worked import worked
from engine.protocol.messages import Look
from engine.protocol.positions import Phase
from engine.protocol.views import Term
from engine.session import Session
from engine.tape.operations import OPERATIONS
from engine.tape.rules.rule import Rule
from engine.tape.tape import Event, Tape
from tests.support.steps import Program, net, rows

NOWHERE = cast(Moment, None)  # only the first event asks where it is


def text(terms: list[Term]) -> str:
    return "".join(term.text for term in terms)


def record(model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor) -> Tape:
    def step(batch: Any) -> Tensor:
        found = loss(model(batch["x"]), batch["y"])
        found.backward()
        return found

    return Program({"": model}, {}, step).record({"x": inputs, "y": targets})


def events(tape: Tape, op: str) -> tuple[Event, Event]:
    """The forward event of an operation and its backward one."""
    forward = next(event for event in tape.events if event.op.name == op and event.phase is not Phase.BACKWARD)
    return forward, next(event for event in tape.events if event.twin is forward)


def shown(op: str, function: Callable[[Tensor], Tensor], shape: tuple[int, ...] = (4, 3)) -> tuple[str, ...]:
    """The texts of an operation's rule, forward and backward."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.p = nn.Parameter(torch.randn(shape))

        def forward(self, x: Tensor) -> Tensor:
            return function(self.p)

    tape = record(Model(), lambda out, _: out.sum() * 2, torch.zeros(4), torch.zeros(4))
    forward, backward = events(tape, op)
    name = forward.outputs[0].name
    return tuple(
        text(terms).replace(name, "out") for terms in (forward_rule(tape, forward), backward_rule(tape, backward))
    )


@pytest.mark.parametrize(
    ("op", "function", "forward", "backward"),
    [
        ("softmax", lambda p: p.softmax(0), "exp(p) / Σᵢ exp(p)", "(dout − Σᵢ dout ∗ out)"),
        ("softmax", lambda p: p.softmax(1), "exp(p) / Σⱼ exp(p)", "(dout − Σⱼ dout ∗ out)"),
        ("mean", lambda p: p.mean(1), "= meanⱼ(p)", "dp = dout / 3"),
        ("mean", lambda p: p.mean(), "= mean(p)", "/ 12"),
        ("leaky-relu", lambda p: functional.leaky_relu(p, 0.2), "p if p > 0 else 0.2·p", "else 0.2·dout"),
        ("clamp", lambda p: p.clamp(-1, 2), "min(max(p, −1), 2)", "1[−1 < p < 2]"),
        ("add", lambda p: torch.add(p, p, alpha=3), "p + 3·p", "dp += 3·dout"),
        ("softplus", lambda p: functional.softplus(p, 2), "log(1 + exp(2·p)) / 2 if", "σ(2·p)"),
    ],
)
def test_a_rule_is_that_of_the_call_s_arguments(
    op: str, function: Callable[[Tensor], Tensor], forward: str, backward: str
) -> None:
    found = shown(op, function)
    assert forward in found[0]
    assert backward in found[1]


@pytest.mark.parametrize(
    ("options", "forward", "backward"),
    [
        ({}, "−mean(out[3] at y)", "−dℒ ∗ 1[class = y] / 4"),
        ({"reduction": "sum"}, "−Σ (out[3] at y)", "−dℒ ∗ 1[class = y]"),
        ({"ignore_index": 1}, "−mean(out[3] at y)\n2 of 4 targets are 1 and do not count", "1[class = y] / 2"),
        (
            {"weight": torch.tensor([1.0, 2.0, 4.0])},
            "−Σ w ∗ (out[3] at y) / Σ w",
            "−dℒ ∗ w ∗ 1[class = y] / 9",
        ),
    ],
)
def test_a_cross_entropy_is_summed_averaged_and_weighted_as_it_was(
    options: dict[str, Any], forward: str, backward: str
) -> None:
    torch.manual_seed(0)
    targets = torch.tensor([0, 1, 2, 1])
    loss = nn.CrossEntropyLoss(**options)
    tape = record(nn.Linear(5, 3), loss, torch.randn(4, 5), targets)
    made, back = events(tape, "cross-entropy")
    assert forward in text(forward_rule(tape, made))
    assert backward in text(backward_rule(tape, back))
    assert worked(NOWHERE, tape, made, (1, 1)).agrees


class Convnet(nn.Module):
    """Odd strides, a norm, a pool, and a write into a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, stride=(2, 3), padding=(1, 0), groups=2)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.head(functional.max_pool2d(torch.relu(self.norm(self.conv(images))), 2).mean((2, 3)))
        return found


@pytest.mark.parametrize("picked", [(1, 1), (2, 3), (99, 99)])
def test_elements_of_any_number_of_dimensions_are_worked_out_and_agree(picked: tuple[int, int]) -> None:
    torch.manual_seed(0)
    images, targets = torch.randn(3, 2, 9, 10), torch.tensor([0, 1, 2])
    tape = record(Convnet(), functional.cross_entropy, images, targets)
    ops = set()
    for event in tape.events[1:]:
        found = worked(NOWHERE, tape, event, picked)
        assert found.agrees, (event.op.name, found.lines)
        assert found.lines, event.op.name
        assert all(len(line) < 200 for line in found.lines)
        ops.add(event.op.name)
    assert {"conv", "batch-norm", "max-pool", "linear", "relu", "mean", "cross-entropy"} <= ops
    conv, _ = events(tape, "conv")
    assert "stride 2×3, padding 1×0, 2 groups" in text(forward_rule(tape, conv))


class Turned(nn.Module):
    """An activation whose rows are neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = torch.relu(self.layer(x).t())
        return found


def test_a_layer_whose_rows_are_no_examples_is_addressed_by_its_indices() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(5, 4)
    tape = record(Turned(), lambda out, _: out.sum(), inputs, torch.zeros(5))
    tape.inputs = (inputs,)
    forward, backward = events(tape, "relu")
    made, came = tape.values["A[1]"].tensor, forward.inputs[0].tensor
    assert made is not None
    assert came is not None
    first = worked(NOWHERE, tape, forward, (2, 3)).lines[0]
    assert first.startswith(f"A[1][2,3] = max(0, {came[1, 2]:.4g}".replace("-", "−"))
    assert worked(NOWHERE, tape, backward, (2, 3)).lines[0].startswith("dZ[1]ᵀ[2,3]")
    straight = next(event for event in tape.events if event.op.name == "linear")
    assert worked(NOWHERE, tape, straight, (2, 3)).lines[0].startswith("z₃[1](2)")


def test_a_rule_that_misses_what_was_made_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = OPERATIONS["relu"]._replace(rule=lambda call: Rule("{self} + 1", {"self": "{dout}"}))
    tape = record(net(), functional.cross_entropy, torch.randn(4, 6), torch.tensor([0, 1, 2, 1]))
    relu, _ = events(tape, "relu")
    relu.op = wrong
    found = worked(NOWHERE, tape, relu, (1, 1))
    assert not found.agrees
    assert "misses" in found.lines[0]
    assert text(forward_rule(tape, relu, plain=True)) == f"{relu.outputs[0].name} = relu({relu.inputs[0].name})"


def test_a_rule_that_cannot_be_checked_is_not_shown() -> None:
    unfit = OPERATIONS["relu"]._replace(rule=lambda call: Rule("{self} ∗ {weight}", {"self": "{dout}·{weight}"}))
    tape = record(net(), functional.cross_entropy, torch.randn(4, 6), torch.tensor([0, 1, 2, 1]))
    relu, _ = events(tape, "relu")
    relu.arguments["weight"] = tape.events[0].outputs[0]
    relu.op = unfit
    found = worked(NOWHERE, tape, relu, (1, 1))
    assert len(found.lines) == 1
    assert not found.agrees


def test_a_tensor_of_more_dimensions_than_there_are_letters_has_no_formula() -> None:
    texts = shown("softmax", lambda p: p.softmax(6), (2, 1, 2, 1, 2, 1, 2))
    assert texts == ("out = softmax(p)", "dp = softmax′(dout)")


def test_a_counter_in_a_tape_stays_what_it_was_when_later_batches_have_run() -> None:
    model = Convnet()
    images, targets = torch.randn(3, 2, 9, 10), torch.tensor([0, 1, 2])
    first = record(model, functional.cross_entropy, images, targets)
    assert len(first.events) > 3
    record(model, functional.cross_entropy, images, targets)
    counted = next(event for event in first.events if event.op.name == "add")
    assert worked(NOWHERE, first, counted, (1, 1)).lines == ["norm.num_batches_tracked = 0 + 1 = 1"]


def test_an_update_has_the_decay_of_its_own_group() -> None:
    model = net()
    groups = [{"params": [model[0].weight], "weight_decay": 0.0}, {"params": [model[2].weight], "weight_decay": 3.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1)

    def step(batch: Any) -> Tensor:
        loss = functional.cross_entropy(model(batch["x"]), batch["labels"])
        loss.backward()
        optimizer.step()
        return loss

    tape = Program({"": model}, {"": optimizer}, step).record(rows())
    first, second = (update(tape, event).lines for event in tape.events if event.phase is Phase.UPDATE)
    assert "λ" not in " ".join(first)
    assert "λ 3" in " ".join(second)


@pytest.mark.parametrize(
    ("optimizer", "checked"),
    [
        (lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, dampening=0.5), True),
        (lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01), True),
        (lambda p: torch.optim.AdamW(p, 0.01, amsgrad=True), True),
        (lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1, maximize=True), True),
        (lambda p: torch.optim.Adagrad(p, 0.01, lr_decay=0.1), True),
        (lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.5, centered=True), True),
        (lambda p: torch.optim.NAdam(p, 0.01), True),
        (lambda p: torch.optim.ASGD(p, 0.01), True),
        (lambda p: torch.optim.Rprop(p, 0.01), False),  # its rule is in words
    ],
)
def test_an_update_s_rule_is_shown_where_it_gives_what_was_recorded(optimizer: Any, checked: bool) -> None:
    model, loss, _, data = _linear()
    session = Session(model, loss, optimizer(model.parameters()), data)
    for _ in range(3):
        session.do("step batch")
        tape = session.tape()
        assert tape is not None
        updates = [event for event in tape.events if event.phase is Phase.UPDATE]
        assert [update(tape, event).agrees for event in updates] == [checked] * len(updates)
        view = session.viewer.see(Look(["here"])).here
        assert view is not None
        assert any("η" in term.text for term in view.rule) is checked


def test_an_update_s_rule_that_misses_what_was_recorded_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(*_linear())
    session.do("step batch")
    monkeypatch.setattr("engine.panes.updates.follow", lambda spec, settings, now: {"θ": now["θ"] - 2 * now["g"]})
    view = session.viewer.see(Look(["here"])).here
    assert view is not None
    assert not any("η" in term.text for term in view.rule)
    assert "its rule misses by" in view.numbers[-1]


def _linear() -> tuple[nn.Module, nn.Module, torch.optim.Optimizer, list[tuple[Tensor, Tensor]]]:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    data = [(torch.randn(4, 3), torch.randn(4, 2)) for _ in range(3)]
    return model, nn.MSELoss(), torch.optim.SGD(model.parameters(), 0.1), data


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_part_of_a_gradient_is_said_to_be_one_and_the_whole_is_given_with_the_last() -> None:
    """Weights used twice, beside what the batch before left; what is sent to a view of more elements is the view's."""
    model = nn.Linear(3, 3)
    inputs, parts = torch.randn(4, 3), []
    for _ in range(2):  # the gradients of the first batch stay
        tape = record(model, lambda out, _: model(out.tanh()).square().mean(), inputs, inputs)
    for event in (event for event in tape.events if event.phase is Phase.BACKWARD and event.op.name == "linear"):
        assert "dweight += " in text(backward_rule(tape, event))
        lines = worked(NOWHERE, tape, event, (1, 1)).lines
        part = next(line for line in lines if line.startswith("dbias[1] += "))
        parts.append(float(part.split(" ")[-1].replace("−", "-")))
    whole = next(line for line in lines if line.startswith("  dbias[1] is then "))
    assert model.bias.grad is not None
    assert 2 * sum(parts) == pytest.approx(float(model.bias.grad[0]), rel=1e-2)  # alike batches
    assert whole.endswith(f"{float(model.bias.grad[0]):.4g}".replace("-", "−"))
    turned = next(line for line in lines if line.startswith("  dweight[1,"))  # its node sends that of dweightᵀ
    assert model.weight.grad is not None
    column = int(turned.partition("[1,")[2].partition("]")[0])
    assert turned.endswith(f"is then {float(model.weight.grad[0, column - 1]):.4g}".replace("-", "−"))
    broadcast = record(nn.Linear(3, 1), functional.mse_loss, inputs, torch.randn(4))
    backward = events(broadcast, "mse")[1]
    assert "dZ[1][…] = " in text(backward_rule(broadcast, backward))


def test_where_an_event_made_a_nan_that_element_is_worked_out_and_else_the_picked_one() -> None:
    given = torch.tensor([[4.0, 1.0, 9.0], [1.0, 4.0, -1.0], [1.0, 1.0, 1.0], [1.0, -4.0, 1.0]])

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.p = nn.Parameter(given)

        def forward(self, x: Tensor) -> Tensor:
            return torch.exp(torch.sqrt(self.p))

    tape = record(Model(), lambda out, _: out.sum(), torch.zeros(4), torch.zeros(4))
    made, _ = events(tape, "sqrt")
    spread, _ = events(tape, "exp")

    def line(event: Event, row: int, neuron: int) -> str:
        return worked(NOWHERE, tape, event, (row, neuron)).lines[0]

    assert "[2,3] = √−1 = nan" in line(made, 1, 1)
    assert "[4,2] = √−4 = nan" in line(made, 4, 2)
    assert "exp(2) = 7.389" in line(spread, 1, 1)  # it has passed it on


def test_an_update_that_makes_an_infinity_is_worked_out_there() -> None:
    model = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 3e38, 2.0]]))
    optimizer = torch.optim.SGD(model.parameters(), lr=3e38)

    def step(batch: Any) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = -(model.weight * torch.tensor([[-1e-38, 0.9, 1e-39]])).sum()
        loss.backward()
        optimizer.step()
        return loss

    tape = Program({"": model}, {"": optimizer}, step).record({"x": torch.zeros(2)})
    lines, _ = update(tape, next(event for event in tape.events if event.phase is Phase.UPDATE))
    assert lines[0] == "at element [1,2], the first that was finite and is not:"
