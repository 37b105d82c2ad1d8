"""Values read straight from the model after a batch of a free run: parameters, their gradients and changes; no tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from engine.errors import HistoryError, NotComputedYetError
from engine.history.timeline import Timeline
from engine.lookup.place import Scalar
from engine.lookup.scalars import only_rate, scalars_at
from engine.lookup.values import Values
from engine.tape.tape import Tape
from engine.training.state import optimizer_parameters


class LiveValues(Values):
    """What can be had without recording. Values of the forward pass are not computed yet, as far as this goes."""

    def __init__(self, timeline: Timeline, before: dict[str, Tensor]) -> None:
        trainer = timeline.trainer
        super().__init__(
            timeline.naming,
            trainer.modules,
            state=_none_held,
            tape=lambda: None,
            done=None,
            scalars=_scalars_now(timeline),
            refresh=_no_tape,
        )
        self._trainer = trainer
        self._parameters = dict(trainer.modules.named_parameters())
        self._before = before
        self._then = False  # whether parameters are those of before the last batch

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """The trainer's."""
        return self._trainer.optimizers

    def tensors(self) -> dict[str, Tensor]:
        """The live parameters and buffers."""
        return {**{n: p.detach() for n, p in self._parameters.items()}, **dict(self._trainer.modules.named_buffers())}

    def parameter(self, full_name: str) -> Tensor:
        """A live parameter."""
        if self._then and full_name in self._before:
            return self._before[full_name]
        return self._parameters[full_name].detach()

    def parameter_gradient(self, full_name: str) -> Tensor:
        """The gradient that the last batch left."""
        gradient = self._parameters[full_name].grad
        if gradient is None:
            raise NotComputedYetError(f"no gradient has reached {full_name}", "it is frozen, or no batch has run")
        return gradient

    def parameter_gradients(self) -> list[Tensor]:
        """Every gradient that the last batch left."""
        return [p.grad for p in self._parameters.values() if p.grad is not None]

    def change(self, full_name: str) -> tuple[Tensor, Tensor]:
        """A parameter before and after the last batch."""
        if full_name not in self._before:
            raise NotComputedYetError(f"the change of {full_name} is not known", "step a batch")
        return self._before[full_name], self.parameter(full_name)

    def optimizer_states(self) -> dict[str, dict[int, dict[str, Any]]]:
        """The optimizers' live state."""
        return {name: _live_state(optimizer) for name, optimizer in self.optimizers.items()}

    def before(self) -> Values:
        """Parameters as they were before the last batch."""
        earlier = LiveValues.__new__(LiveValues)
        earlier.__dict__.update(self.__dict__)
        earlier._then = True
        return earlier


def _live_state(optimizer: Optimizer) -> dict[int, dict[str, Any]]:
    parameters = optimizer_parameters(optimizer)
    return {i: optimizer.state[p] for i, p in enumerate(parameters) if p in optimizer.state}


def _scalars_now(timeline: Timeline) -> dict[str, Callable[[], Scalar]]:
    """The numbers where the trainer stands, whenever they are asked for."""
    trainer = timeline.trainer

    def ask(name: str) -> Callable[[], Scalar]:
        return lambda: scalars_at(timeline, trainer.iteration)[name]() if trainer.iteration else None

    of_a_batch = {name: ask(name) for name in scalars_at(timeline, trainer.iteration)}
    return of_a_batch | {
        "learning_rate": lambda: only_rate(trainer.rates()),
        "epoch": lambda: trainer.calendar.place(trainer.iteration)[0],
        "batch": lambda: trainer.calendar.place(trainer.iteration)[1],
        "iteration": lambda: trainer.iteration,
    }


def _none_held() -> Any:
    raise NotComputedYetError("that is not at hand in a free run", "pause first")


def _no_tape(numbers: frozenset[int]) -> Tape:
    raise HistoryError("there is no tape in a free run", "pause first")
