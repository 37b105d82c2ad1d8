"""Parameters that no module holds: named as the user would, read, set, and put back with their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.program.loose import loose_parameters
from engine.program.modules import Modules
from engine.program.program import Program, Supervised
from engine.session import Session


class Accumulating:
    """W and what a dict holds are trained beside a model; an update comes with every third batch."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.W, self.deep = torch.randn(4, 3, requires_grad=True), {"bias": torch.zeros(3, requires_grad=True)}
        self.model = nn.Linear(3, 3)
        self.optimizer = torch.optim.SGD([self.W, *self.deep.values(), *self.model.parameters()], 0.1)
        self.loader = [(torch.randn(5, 4), torch.randint(0, 3, (5,))) for _ in range(8)]
        self.count = 0

    def step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        loss = cross_entropy(self.model(batch[0] @ self.W + self.deep["bias"]), batch[1])
        loss.backward()
        self.count += 1
        if self.count % 3 == 0:
            self.optimizer.step()
            self.optimizer.zero_grad()
        return loss


def opened(user: Accumulating) -> Session:
    return Session.of(Program(Modules.of(user.model), {"": user.optimizer}, user.loader, user.step))


def after(batches: int) -> Accumulating:
    """A plain loop over as many batches."""
    user = Accumulating()
    for batch in user.loader[:batches]:
        user.step(batch)
    return user


def value(session: Session, expression: str) -> Tensor:
    answer = session.do(f"print {expression}")
    assert not answer.error, answer.error
    return torch.as_tensor(answer.value)


@pytest.mark.parametrize("looked_at", [False, True])
def test_they_and_their_piled_up_gradients_come_back_bit_for_bit(looked_at: bool) -> None:
    session = opened(Accumulating())
    session.goto("end")
    for back, on in ((4, 8), (1, 5), (2, 3), (0, 7)):
        session.goto(f"1:{back}" if back else "start")
        while looked_at and session.iteration < on - 1:
            session.do("step op 2")
        session.goto(f"1:{on}")
        plain = after(on)
        assert torch.equal(session.moment.get("W"), plain.W.detach())
        assert torch.equal(session.moment.get("deep[bias]"), plain.deep["bias"].detach())
        if plain.W.grad is not None:
            assert torch.equal(session.moment.get("dW"), plain.W.grad)
    assert not session.timeline.divergence


def test_their_elements_are_read_and_set_by_their_names() -> None:
    session = opened(Accumulating())
    session.do("step batch 2")
    plain = after(2).W
    assert plain.grad is not None
    assert value(session, "W[2,3]") == pytest.approx(plain[1, 2].item())
    assert value(session, "dW[2,3]") == pytest.approx(plain.grad[1, 2].item())
    assert torch.equal(session.moment.get("W"), plain)
    assert not session.do("set W[2,3] 0.5").error
    assert value(session, "W[2,3]") == 0.5
    assert not session.do("freeze deep[bias]").error
    names = session.do("names").text.split()
    assert {"W", "dW", "deep[bias]", "ddeep[bias]"} <= set(names)
    assert "W[1]" not in names  # a row of W, and no layer's


class Listed(nn.Module):
    """Its layers stand in a plain list, where torch does not see them."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.Linear(4, 6), nn.Linear(6, 6)]
        self.A = torch.ones(6, requires_grad=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = layer(x).relu()
        output: Tensor = self.head(x * self.A)
        return output


def test_layers_in_a_plain_list_go_by_the_way_that_leads_to_them() -> None:
    torch.manual_seed(0)
    model = Listed()
    loader = [(torch.randn(5, 4), torch.randint(0, 3, (5,))) for _ in range(3)]
    session = Session.of(Supervised(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader))
    session.do("step batch 2")
    tape = session.tape()
    assert tape is not None
    used = {value.root().name for event in tape.events for value in event.inputs}
    for name, parameter in (("hidden[0].weight", model.hidden[0].weight), ("hidden[1].bias", model.hidden[1].bias)):
        assert name in used
        assert torch.equal(session.moment.get(name), parameter.detach())
        assert parameter.grad is not None
        assert torch.equal(value(session, f"d{name}"), parameter.grad)
        assert value(session, f"norm({name}.T)") == pytest.approx(parameter.norm().item())
    assert torch.equal(value(session, "A[0]"), loader[1][0])
    assert torch.equal(value(session, "model.A"), model.A.detach())


def test_what_nothing_leads_to_is_numbered_and_what_no_optimizer_has_is_left_to_its_owner() -> None:
    model, unseen, teacher = nn.Linear(2, 2), torch.ones(2, requires_grad=True), nn.Linear(2, 2)
    optimizer = torch.optim.SGD([unseen, *model.parameters()], 0.1)

    def step(batch: Tensor) -> Tensor:
        return model(teacher(batch)).sum()  # type: ignore[no-any-return]

    found = loose_parameters(Modules.of(model), {"": optimizer}, {"step": step})
    assert list(found) == ["parameter1"]
    assert found["parameter1"] is unseen
