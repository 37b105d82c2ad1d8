"""Training steps of many kinds, each run plainly and under an Onlooker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from engine.program.held import Held
from engine.program.modules import Modules
from engine.protocol.positions import Phase
from engine.tape.naming import Naming
from engine.tape.onlooker import Onlooker
from engine.tape.tape import Tape
from engine.training.randomness import RandomState
from engine.training.state import State, capture_optimizer

Optimizers = dict[str, torch.optim.Optimizer]


@dataclass
class Program:
    """Modules, optimizers, and the body of a loop."""

    modules: dict[str, nn.Module]
    optimizers: Optimizers
    step: Callable[[Any], Any]
    tapes: list[Tape] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.naming = Naming(self.modules)

    def record(self, batch: Any) -> Tape:
        """One batch with an onlooker."""
        tape = Tape(self._state())
        onlooker = Onlooker(tape, self.naming, Modules.of(self.modules), self.optimizers, 1 << 40)
        onlooker.load(batch, None, None)
        with onlooker:
            returned = self.step(batch)
        onlooker.finish(returned if isinstance(returned, Mapping) else {"": returned} if returned is not None else {})
        tape.after = tape.border = self._state()
        self.tapes.append(tape)
        return tape

    def tensors(self) -> dict[str, Tensor]:
        """Copies of parameters, buffers, and what the optimizers hold."""
        modules = Modules.of(self.modules)
        found = dict((*modules.named_parameters(), *modules.named_buffers()))
        return {name: tensor.detach().clone() for name, tensor in found.items()} | self._kept()

    def _kept(self) -> dict[str, Tensor]:
        found = {}
        for name, optimizer in self.optimizers.items():
            for number, state in enumerate(optimizer.state.values()):
                for key, item in state.items():
                    if isinstance(item, Tensor):
                        found[f"{name} {number} {key}"] = item.detach().clone()
        return found

    def _state(self) -> State:
        modules = Modules.of(self.modules)
        tensors = {n: t.detach().clone() for n, t in (*modules.named_parameters(), *modules.named_buffers())}
        optimizers = {name: capture_optimizer(optimizer) for name, optimizer in self.optimizers.items()}
        held, random = Held({}, {}), RandomState.capture()
        return State(1, 0, 0, tensors, frozenset(), {}, optimizers, held, random, None, None, (), (), None, None)


def simple(step: Any, optimizer: Any = None, model: nn.Module | None = None) -> Program:
    """A program of one model; `step(model, optimizer, batch)`."""
    model = net() if model is None else model
    made = torch.optim.SGD(model.parameters(), lr=0.1) if optimizer is None else optimizer(model.parameters())
    return Program({"": model}, {"": made}, lambda batch: step(model, made, batch))


def check_bits(make: Callable[[], Program], batches: int = 4, read: bool = True) -> Program:
    """Record some batches of a program; its state must be that of a plain loop after each."""
    plain, recorded = make(), make()
    for number in range(batches):
        torch.manual_seed(100 + number)
        batch = rows()
        torch.manual_seed(number)
        plain.step(batch)
        torch.manual_seed(number)
        tape = recorded.record(batch)
        if read:
            assert tape.events
        ours, theirs = recorded.tensors(), plain.tensors()
        assert ours.keys() == theirs.keys()
        for name, tensor in ours.items():
            assert torch.equal(tensor, theirs[name]), (number, name)
        gradients = zip(parameters(recorded), parameters(plain), strict=True)
        for (name, ours_now), (_, theirs_now) in gradients:
            assert (ours_now.grad is None) == (theirs_now.grad is None), name
            if ours_now.grad is not None and theirs_now.grad is not None:
                assert torch.equal(ours_now.grad.to_dense(), theirs_now.grad.to_dense()), (number, name)
    return recorded


def parameters(program: Program) -> list[tuple[str, Tensor]]:
    """Full name and parameter."""
    return list(Modules.of(program.modules).named_parameters())


def rows(n: int = 5, width: int = 6, classes: int = 3) -> dict[str, Tensor]:
    """A batch as a dict."""
    return {"x": torch.randn(n, width), "labels": torch.randint(0, classes, (n,))}


def net(width: int = 6, classes: int = 3, seed: int = 0) -> nn.Sequential:
    """Two layers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, classes))


def phases(tape: Tape) -> list[str]:
    """Each phase, as often as the batch comes to it."""
    found: list[str] = []
    for event in tape.events:
        if not found or found[-1] != str(event.phase):
            found.append(str(event.phase))
    return found


def events(tape: Tape, phase: Phase) -> list[Any]:
    """The events of a phase."""
    return [event for event in tape.events if event.phase is phase]
