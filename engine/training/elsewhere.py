"""The model computed with other tensors than its own, for looking only: nothing of the run is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from engine.program.modules import Modules
from engine.tape.naming import Naming
from engine.tape.onlooker import Onlooker
from engine.tape.tape import Tape
from engine.training import state as states
from engine.training.randomness import RandomState
from engine.training.state import State
from engine.training.trainer import Trainer
from engine.users_code import users_code


def output_with(
    trainer: Trainer, tensors: Mapping[str, Tensor], inputs: tuple[Any, ...], random: RandomState | None = None
) -> Any:
    """The model's output with these parameters and buffers, which stay as they are; in the mode that it is in.

    `random` are the streams to draw from (for dropout, as a batch drew); the run's own are left where they were.
    Raises ModelError if the user's code does.
    """
    copies = _copies(trainer, tensors)
    with trainer.untouched(), _loose_as(trainer, tensors), users_code("computing the model"):
        if random is not None:
            random.restore()
        return functional_call(trainer.model, copies, inputs)


def predicted_with(trainer: Trainer, tensors: Mapping[str, Tensor], inputs: tuple[Any, ...]) -> Any:
    """The same in evaluation mode, without gradients."""
    copies = _copies(trainer, tensors)
    with trainer.untouched(), _loose_as(trainer, tensors), torch.no_grad(), users_code("computing the model"):
        for module in trainer.modules.values():
            module.eval()
        return functional_call(trainer.model, copies, inputs)


def forward_tape(trainer: Trainer, state: State, inputs: tuple[Tensor, ...], budget: int) -> Tape:
    """The tape of such a prediction: its forward events alone. `state` has the tensors to predict with.

    The onlooker learns nothing for the run's own tapes. Gradients stay on, since attention has no single operations to
    look at without.
    """
    tape = Tape(state)
    onlooker = Onlooker(tape, Naming(trainer.modules), trainer.modules, {}, budget)
    onlooker.load(inputs, inputs, None)
    with trainer.untouched(), _whole_as(trainer.modules, state), users_code("computing the model"):
        for module in trainer.modules.values():
            module.eval()
        with torch.enable_grad(), onlooker:
            trainer.model(*inputs)
        onlooker.finish({})
        tape.built()
    tape.inputs = inputs
    return tape


@contextmanager
def _whole_as(modules: Modules, state: State) -> Iterator[None]:
    """Parameters and buffers hold these values for a moment: the tensors themselves, which an onlooker knows."""
    held, empty = states.capture_tensors(modules), states.empty_buffers(modules)
    states.restore_tensors(modules, state.tensors, state.empty)
    try:
        yield
    finally:
        states.restore_tensors(modules, held, empty)


def loss_with(
    trainer: Trainer,
    tensors: Mapping[str, Tensor],
    inputs: tuple[Any, ...],
    targets: Any,
    random: RandomState | None = None,
) -> Tensor:
    """The loss that a batch has with these tensors."""
    output = output_with(trainer, tensors, inputs, random)
    with trainer.untouched(), _loose_as(trainer, tensors), users_code("computing the loss"):
        return trainer.loss(output, targets)


@contextmanager
def _loose_as(trainer: Trainer, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Parameters of no module hold these values for a moment: the model takes no other tensor for them."""
    loose = trainer.modules.loose
    held = {name: parameter.detach().clone() for name, parameter in loose.items()}
    _put(loose, {name: tensors.get(name, was) for name, was in held.items()})
    try:
        yield
    finally:
        _put(loose, held)


@torch.no_grad()
def _put(loose: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, parameter in loose.items():
        parameter.copy_(values[name])


def _copies(trainer: Trainer, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model's tensors, copied where computing may write into them."""
    names = {name for name, _ in (*trainer.model.named_parameters(), *trainer.model.named_buffers())}
    kept = frozenset() if trainer.writes_parameters else trainer.parameter_names
    return {name: item if name in kept else item.clone() for name, item in tensors.items() if name in names}
