"""What a program holds beside its parameters is found and put back; what cannot be is named."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, Sampler, TensorDataset

from engine.errors import HistoryError, ModelError
from engine.program.groups import Groups
from engine.program.loaders import check_loader
from engine.program.modules import Modules
from engine.program.program import Program, Supervised
from engine.program.returned import program_of
from engine.program.surroundings import Surroundings
from engine.protocol.positions import Unit
from engine.session import Session
from engine.training.state import digest, loose_in


def rows(n: int = 24) -> TensorDataset:
    generator = torch.Generator().manual_seed(3)
    return TensorDataset(torch.randn(n, 4, generator=generator), torch.randint(0, 3, (n,), generator=generator))


class Carrying(nn.Module):
    """A model that goes on with what the batch before left: in an attribute, and in a buffer that is None at first."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.last: Tensor | None = None
        self.calls = 0
        self.shift: Tensor | None
        self.register_buffer("shift", None)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x if self.last is None else x + 0.1 * self.last.mean())
        out = out if self.shift is None else out + self.shift
        self.last, self.calls = out.detach(), self.calls + 1
        self.shift = 0.01 * self.calls * torch.ones(3)
        return out


class Noisy(Dataset[tuple[Tensor, Tensor]]):
    """A data set with a generator of its own."""

    def __init__(self) -> None:
        self.rows = rows()
        self.random = np.random.default_rng(5)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x, y = self.rows[index]
        return x + float(self.random.normal()), y


def carrying() -> Supervised:
    torch.manual_seed(0)
    model = Carrying()
    return Supervised(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), DataLoader(rows(), 8))


def hidden_scheduler() -> Supervised:
    program = carrying()
    scheduler = torch.optim.lr_scheduler.OneCycleLR(program.optimizer, 0.5, total_steps=40)
    program.optimizer.register_step_post_hook(lambda *_: scheduler.step())
    return program


def noisy() -> Supervised:
    program = carrying()
    program.loader = DataLoader(Noisy(), 8)
    return program


def sampled() -> Supervised:
    program, data = carrying(), rows()
    sampler = RandomSampler(data, generator=torch.Generator().manual_seed(1))
    program.loader = DataLoader(data, 8, sampler=sampler)
    return program


class PackagedSampler(Sampler[int]):
    """As torchdata's: of a package, with a generator of its own that each epoch draws its order from."""

    __module__ = "msgspec"

    def __init__(self, count: int) -> None:
        self.count, self.own = count, torch.Generator().manual_seed(1)

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self.count, generator=self.own).tolist())

    def __len__(self) -> int:
        return self.count


def packaged() -> Supervised:
    program, data = carrying(), rows()
    program.loader = DataLoader(data, 8, sampler=PackagedSampler(len(data)))
    return program


def counting() -> Program:
    """A step whose counter, queue and average are only within its reach."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    average = nn.Linear(4, 3)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    count, seen, own = 0, [0.0], random.Random(7)

    def step(batch: tuple[Tensor, Tensor]) -> Tensor:
        nonlocal count
        count += 1
        optimizer.zero_grad()
        pull = sum((a - p).pow(2).sum() for a, p in zip(average.parameters(), model.parameters(), strict=True))
        x = batch[0] * (1 + 0.1 * count + 0.01 * seen[-1] + own.random())
        loss: Tensor = nn.functional.cross_entropy(model(x), batch[1]) + 0.1 * pull
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for a, p in zip(average.parameters(), model.parameters(), strict=True):
                a.lerp_(p, 0.3)
        seen.append(loss.item())
        return loss

    return Program(Modules.of(model), {"": optimizer}, DataLoader(rows(), 8), step)


@pytest.mark.parametrize("make", [carrying, hidden_scheduler, noisy, sampled, packaged, counting])
def test_going_back_and_on_again_ends_in_the_same_bits(make: Callable[[], Program]) -> None:
    session = Session.of(make(), epochs=4)
    session.goto("end")
    last = session.digest()
    for place in ("1:2", "start", "3:1", "2:3"):
        session.goto(place)
        session.step(Unit.OP, 2)
        session.goto("end")
        assert session.digest() == last, place
        assert not session.timeline.divergence


class Unrepeatable(Dataset[tuple[Tensor, Tensor]]):
    """Goes on wherever it is asked: nothing can put a generator's frame back."""

    def __init__(self) -> None:
        self.stream = self._numbers()

    def _numbers(self) -> Iterator[float]:
        value = 0.0
        while True:
            value += 0.1
            yield value

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.full((4,), next(self.stream)), torch.tensor(index % 3)


def test_what_differs_in_a_replay_is_named_and_no_cause_is_guessed() -> None:
    program = carrying()
    program.loader = DataLoader(Unrepeatable(), 8)
    session = Session.of(program, epochs=4)
    session.goto("end")
    session.goto("1:2")
    said = session.do("digest").warning
    assert "batch 1 was replayed with loss" in said
    assert "stream" in said
    assert "seeded" not in said


@pytest.mark.parametrize("kind", [list, dict, set])
def test_a_container_keeps_its_identity_for_whoever_else_holds_it(kind: Any) -> None:
    holder = type("Holder", (), {"__module__": __name__})()
    holder.held = shared = kind([(1, 2)])
    found = Surroundings({"it": holder})
    before = found.capture()
    shared.clear()
    found.restore(before)
    assert holder.held is shared
    assert shared == kind([(1, 2)])


def test_embeddings_that_renormalise_what_is_looked_up_are_not_changed_by_validation() -> None:
    def session(*, validated: bool) -> Session:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Embedding(20, 4, max_norm=0.5), nn.Flatten(), nn.Linear(8, 3))
        batches = [(torch.randint(0, 20, (6, 2)), torch.randint(0, 3, (6,))) for _ in range(3)]
        others = [(torch.arange(20).reshape(10, 2), torch.zeros(10, dtype=torch.long))]
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        return Session(model, nn.CrossEntropyLoss(), optimizer, batches, validation=others if validated else None)

    plain, validated = session(validated=False), session(validated=True)
    plain.goto("end")
    validated.goto("end")
    assert validated.validation() is not None
    assert validated.digest() == plain.digest()


# ── what a function may return ────────────────────────────────────────────────────────────────────────────────────────


def four() -> dict[str, Any]:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "loader": DataLoader(rows(), 8)}


def own() -> dict[str, Any]:
    parts = four()
    return {
        "modules": parts["model"],
        "optimizers": {"": parts["optimizer"]},
        "loader": parts["loader"],
        "step": lambda batch: None,
    }


@pytest.mark.parametrize("parts", [four, own])
def test_an_unknown_part_is_refused_with_those_that_there_are(parts: Callable[[], dict[str, Any]]) -> None:
    with pytest.raises(ModelError, match=r"unknown part “loadr”.*loader"):
        program_of("f()", parts() | {"loadr": 1})


def test_after_the_fourth_part_kinds_are_told_apart() -> None:
    parts = four()
    scheduler = torch.optim.lr_scheduler.StepLR(parts["optimizer"], 1)
    program = program_of("f()", (*parts.values(), "a name", scheduler, parts["loader"]))
    assert isinstance(program, Supervised)
    assert (program.name, program.schedulers) == ("a name", [(scheduler, "epoch")])
    assert program.validation is parts["loader"]
    by_batch = program_of("f()", (*parts.values(), (scheduler, "batch")))
    assert isinstance(by_batch, Supervised)
    assert by_batch.schedulers == [(scheduler, "batch")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": 3}, "step"),
        ({"modules": {"G": 1}}, "modules"),
        ({"modules": {"a b": nn.Linear(1, 1)}}, "a b"),
        ({"validation": []}, "validate"),
        ({"state": {"ema": 1}}, "state_dict"),
        ({"loader": None}, "loader"),
    ],
)
def test_a_wrong_part_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        program_of("f()", own() | change)


def test_a_lazy_model_is_told_how_to_get_its_shapes() -> None:
    model = nn.Sequential(nn.LazyLinear(3))
    parts = four() | {"model": model, "optimizer": torch.optim.SGD(model.parameters(), 0.1)}
    with pytest.raises(ModelError, match="call the model once"):
        program_of("f()", parts)


def test_loaders_that_cannot_go_back_are_refused_beforehand() -> None:
    with pytest.raises(ModelError, match="persistent_workers=False"):
        check_loader(DataLoader(rows(), 8, num_workers=1, persistent_workers=True))
    with pytest.raises(HistoryError, match="only once"):
        check_loader(iter([1, 2]))


# ── groups, rates, digests ────────────────────────────────────────────────────────────────────────────────────────────


def test_groups_go_by_their_name_else_their_module_else_their_number() -> None:
    model = nn.ModuleDict({"body": nn.Linear(2, 2), "head": nn.Linear(2, 2)})
    both = list(model.parameters())
    named: list[dict[str, Any]] = [
        {"params": model["body"].parameters(), "name": "slow"},
        {"params": model["head"].parameters()},
    ]
    mixed = [{"params": both[::2]}, {"params": both[1::2]}]
    wanted: list[tuple[list[dict[str, Any]], list[str]]] = [(named, ["slow", "head"]), (mixed, ["1", "2"])]
    for groups, names in wanted:
        optimizer = torch.optim.SGD(groups, 0.1)
        assert [group.name for group in Groups(Modules.of(model), {"": optimizer}).all] == names


def test_an_epoch_s_scheduler_is_stepped_once_an_epoch_and_plateaus_by_the_validation() -> None:
    torch.manual_seed(0)
    parts = four()
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(parts["optimizer"], factor=0.5, patience=0, threshold=10.0)
    session = Session.of(program_of("f()", (*parts.values(), parts["loader"], plateau)), epochs=4)
    session.goto("end")
    rates = [session.timeline.series.at("learning_rate", iteration) for iteration in (1, 3, 4, 7, 10, 12)]
    assert rates == [0.1, 0.1, 0.05, 0.025, 0.0125, 0.0125]
    last = session.digest()
    session.goto("1:2")
    session.goto("end")
    assert session.digest() == last


def test_modules_and_optimizers_are_digested_in_the_order_of_their_names() -> None:
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    tensors = {f"{n}.{k}": p for n, m in (("a", one), ("b", other)) for k, p in m.named_parameters()}
    forward = digest(Modules({"a": one, "b": other}), tensors, {})
    assert forward == digest(Modules({"b": other, "a": one}), tensors, {})
    swapped = {name: tensors[("b" if name[0] == "a" else "a") + name[1:]] for name in tensors}
    assert forward != digest(Modules({"a": other, "b": one}), swapped, {})


def test_a_digest_covers_what_is_trained_and_no_module_s() -> None:
    scale, model = torch.ones(3, requires_grad=True), nn.Linear(3, 3)
    first, second = torch.optim.SGD([*model.parameters(), scale], 0.1), torch.optim.SGD([scale], 0.1)

    def step(batch: Tensor) -> None:
        model(batch * scale)

    program = Program(Modules.of(model), {"b": second, "a": first}, [torch.ones(2, 3)], step)
    session = Session.of(program)
    assert loose_in(program.modules, program.optimizers) == {"a": {2: "scale"}, "b": {}}
    digests = [session.digest()]
    for number in (2, 1):
        assert not session.do(f"set scale[1] {number}").error
        digests.append(session.digest())
    assert digests[0] == digests[2] != digests[1]


def test_a_compiled_model_runs_eagerly_and_that_is_said() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    model.compile(backend="eager")
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    try:
        session = Session(model, nn.CrossEntropyLoss(), optimizer, DataLoader(rows(), 8), epochs=2)
        assert "run eagerly" in session.description.model
        session.goto("end")
        last = session.digest()
        session.goto("1:1")
        session.step(Unit.OP, 4)
        session.goto("end")
        assert session.digest() == last
    finally:
        torch.compiler.set_stance("default")


def test_a_trainer_with_a_loop_of_its_own_is_refused_with_what_to_return() -> None:
    class Trainer:
        """As Lightning's: it has a model and optimizers, and yet no step."""

        model, optimizers = nn.Linear(2, 1), ()

        def fit(self) -> None: ...

    with pytest.raises(ModelError, match=r"made\(\) returned a Trainer, whose loop is its own.*training_step"):
        program_of("made()", Trainer())
