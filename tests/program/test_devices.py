"""Devices: chosen or refused, in the recipe, captured and put back; without an accelerator, on the CPU and “meta”."""

from __future__ import annotations

import warnings
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor, nn

from engine.errors import ExperimentError
from engine.experiments.experiment import Experiment, check
from engine.launch import open_experiment
from engine.program.devices import accelerators_of, choose_device
from engine.program.modules import Modules
from engine.program.program import Program
from engine.protocol.positions import Unit
from engine.recordings.checkpoint import read_checkpoint, write_checkpoint
from engine.recordings.recording import read_recording
from engine.session import Session
from engine.training import randomness, trainer
from engine.training.randomness import RandomState

SMALL = Experiment(layers=(784, 8, 10), batch_size=256, epochs=1)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that says it has two."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("said", "meant"), [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("auto", "cuda:0")]
)
def test_a_device_is_meant_by_its_kind_its_number_or_auto(said: str, meant: str) -> None:
    assert choose_device(said) == meant


@pytest.mark.usefixtures("two_gpus")
def test_a_device_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(ExperimentError, match="no device “cuda:2” here — use cpu, cuda:0, cuda:1, or auto"):
        choose_device("cuda:2")


def test_a_kind_of_device_that_does_not_exist_is_refused_before_the_engine_starts() -> None:
    with pytest.raises(ExperimentError, match="no kind of device “gpu” — use cpu, cuda, cuda:N, mps or auto"):
        check(Experiment(device="gpu"))


def test_the_device_belongs_to_the_recipe_and_recordings_without_one_are_of_the_cpu(tmp_path: Path) -> None:
    session = open_experiment(msgspec.structs.replace(SMALL, device="auto"))
    assert not session.do(f"save {tmp_path / 'run.json'}").error
    recipe = read_recording(tmp_path / "run.json").experiment
    assert recipe is not None
    assert recipe.device == str(next(session.trainer.modules.parameters()).device)
    assert msgspec.json.decode(b'{"model": "mlp"}', type=Experiment).device == "cpu"


class Halves(nn.Module):
    """A model whose second half has no values: it lives on the meta device, and is not called."""

    def __init__(self) -> None:
        super().__init__()
        self.here = nn.Linear(4, 2)
        self.nowhere = nn.Linear(4, 2, device="meta")

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.here(x)
        return out


def halves() -> Session:
    torch.manual_seed(0)
    model = Halves()
    optimizer = torch.optim.Adam(model.here.parameters(), 0.1)

    def step(batch: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = model(batch).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return Session.of(Program(Modules.of(model), {"": optimizer}, [torch.ones(3, 4), torch.zeros(3, 4)], step))


def test_a_program_on_two_devices_goes_back_and_forth() -> None:
    session = halves()
    session.step(Unit.BATCH, 2)
    weight, state = session.do("print here.weight").value, session.trainer.capture()
    session.goto("start")
    session.step(Unit.OP, 2)
    session.goto("end")
    assert session.do("print here.weight").value == weight
    assert not session.timeline.divergence
    session.trainer.restore(state)
    assert not session.trainer.differing(state)
    assert state.tensors["nowhere.weight"].is_meta


def test_what_has_no_values_has_no_digest_and_says_so() -> None:
    session = halves()
    session.step()
    for command in ("digest", "print nowhere.weight"):
        assert "nowhere.weight is on the meta device, which holds no values" in session.do(command).error
    assert not accelerators_of(session.trainer.modules.parameters())


def test_generators_of_accelerators_are_captured_put_back_and_kept_on_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    generators = {"cuda:0": torch.tensor([1, 2], dtype=torch.uint8), "cuda:1": torch.tensor([3], dtype=torch.uint8)}
    monkeypatch.setattr(randomness, "_device_states", lambda: [(n, t.clone()) for n, t in generators.items()])
    monkeypatch.setattr(randomness, "_set_device_state", lambda device, state: generators[str(device)].copy_(state))
    before = RandomState.capture()
    generators["cuda:1"] += 1
    assert before.differing(RandomState.capture()) == ["the generator of cuda:1"]
    before.restore()
    assert not before.differing(RandomState.capture())

    session = open_experiment(SMALL)
    session.step()
    write_checkpoint(tmp_path / "state.safetensors", session, session.trainer.capture())
    other = open_experiment(SMALL)
    assert read_checkpoint(tmp_path / "state.safetensors", other)
    restored = dict(other.timeline.history.nearest(1).random.devices)
    assert {name: state.tolist() for name, state in restored.items()} == {"cuda:0": [1, 2], "cuda:1": [3]}


class Putting(nn.Module):
    """Writes by an operation of which torch has no deterministic one."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        warnings.warn("the user's own", stacklevel=1)
        out += torch.zeros(2).put_(torch.tensor([0]), torch.tensor([1.0]))
        return out


def test_an_operation_that_is_not_deterministic_is_named_once_when_it_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "accelerators_of", lambda tensors: ["cuda:0"])
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    try:
        with warnings.catch_warnings(record=True) as others:
            warnings.simplefilter("always")
            model = Putting()
            optimizer = torch.optim.SGD(model.parameters(), 0.1)
            session = Session(model, nn.MSELoss(), optimizer, [(torch.ones(3, 4), torch.zeros(3, 2))] * 3)
            said = [session.do(command).warning for command in ("step op 3", "step batch 1", "step batch 1")]
    finally:
        torch.use_deterministic_algorithms(False)
    assert said[0].startswith("put_ is not deterministic on cuda:0")
    assert said[1:] == ["", ""]
    assert session.description.model == "Putting, on cuda:0, put_ not deterministic"
    assert {str(warning.message) for warning in others} == {"the user's own"}
