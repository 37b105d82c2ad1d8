"""`python -m benchmarks.device [cpu|cuda|cuda:N|mps|auto]`: the same bits on an accelerator, there and back.

Trains a network with dropout and a convolutional one in a plain loop and in a session, looked at or not, back and forth
and from a checkpoint on disk, compares digests, and says what a tape and a batch back cost there. Without a name: on
the first accelerator there is, else on the CPU.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from itertools import chain, islice, repeat
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from benchmarks.harness import seconds
from engine.errors import EngineError
from engine.experiments.assemble import assemble
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.program.devices import choose_device
from engine.program.modules import Modules
from engine.protocol.positions import Unit
from engine.recordings.checkpoint import read_checkpoint, write_checkpoint
from engine.session import Session
from engine.training.state import capture_optimizer, capture_tensors, digest

BATCHES = 50
TIMES = 9
NETWORKS = {
    "mlp with dropout": Experiment(layers=(784, 128, 64, 10), optimizer="adam", dropout=0.2, batch_norm=True),
    "convnet": Experiment(model="convnet", optimizer="adam"),
}


def main() -> int:
    """Compare and measure; 1 where bits differ."""
    try:
        device = choose_device(sys.argv[1] if len(sys.argv) > 1 else "auto")
    except EngineError as error:
        print(error)
        return 2
    print(f"torch {torch.__version__} on {_name(device)}")
    same = [_same(name, _on(network, device)) for name, network in NETWORKS.items()]
    return int(not all(same))


def _name(device: str) -> str:
    if device.startswith("cuda"):
        return f"{device}, {torch.cuda.get_device_name(device)}"
    return device if device != "cpu" else "the CPU: there is no accelerator, or it was not asked for"


def _on(experiment: Experiment, device: str) -> Experiment:
    return msgspec.structs.replace(experiment, device=device)


def _same(name: str, experiment: Experiment) -> bool:
    """Whether every way to the last batch ends in the bits of the plain loop."""
    (wanted, plain), session = _plain(experiment), open_experiment(experiment)
    found = {way: digest_of(session) == wanted for way, digest_of in WAYS.items()}
    for way, same in found.items():
        print(f"  {name}, {BATCHES} batches {way}: {'the bits of the plain loop' if same else 'OTHER BITS'}")
    for said in session.notices:
        print(f"  {name}: {said}")
    print(f"  {name}: {_costs(session, plain)}")
    return all(found.values())


def _plain(experiment: Experiment) -> tuple[str, float]:
    """The digest that a loop as anyone writes it ends in, and its seconds a batch, the median."""
    parts, taken = assemble(experiment), []

    def batch(inputs: Tensor, targets: Tensor) -> None:
        parts.optimizer.zero_grad()
        parts.loss(parts.model(inputs), targets).backward()
        parts.optimizer.step()
        _wait()

    for inputs, targets in islice(chain.from_iterable(repeat(parts.loader)), BATCHES):
        taken.append(seconds(lambda pair=(inputs, targets): batch(*pair)))  # type: ignore[misc]
    modules = Modules.of(parts.model)
    found = digest(modules, capture_tensors(modules), {"": capture_optimizer(parts.optimizer).state})
    return found, statistics.median(taken)


def _free(session: Session) -> str:
    session.step(Unit.BATCH, BATCHES)
    return session.digest()


def _looked_at(session: Session) -> str:
    session.go_to(BATCHES - 5, None)
    while session.finished < BATCHES:
        session.step(Unit.PHASE)
    return session.digest()


def _back(session: Session) -> str:
    session.go_to(3, None)
    session.step(Unit.OP, 4)
    session.go_to(BATCHES, None)
    return session.digest()


def _restored(session: Session) -> str:
    """Another session, put to where the first stands by a file."""
    assert isinstance(session.recipe, Experiment)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        write_checkpoint(path, session, session.timeline.history.nearest(BATCHES - 10))
        other = open_experiment(session.recipe)
        if not read_checkpoint(path, other):
            return "the checkpoint does not fit"
        other.go_to(BATCHES, None)
        return other.digest()


WAYS = {"free": _free, "looked at": _looked_at, "there and back": _back, "from a checkpoint": _restored}


def _costs(session: Session, plain: float) -> str:
    """What a batch with its tape, and a batch back with its tape, take beside one of the plain loop: medians."""
    session.go_to(BATCHES, None)
    taped, back = [], []
    for _ in range(TIMES):
        taped.append(seconds(lambda: _tape_after(session, lambda: session.step(Unit.OP))))
        session.step(Unit.BATCH)
    for _ in range(TIMES):
        back.append(seconds(lambda: _tape_after(session, lambda: session.back(Unit.BATCH))))
    ratios = (statistics.median(times) / plain for times in (taped, back))
    return "a batch with its tape {:.2f} ×, one back with its tape {:.2f} × a plain batch".format(*ratios)


def _tape_after(session: Session, move: Callable[[], object]) -> None:
    move()
    tape = session.tape()
    assert tape is not None
    assert len(tape)  # which is when it is made
    _wait()


def _wait() -> None:
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


if __name__ == "__main__":
    sys.exit(main())
