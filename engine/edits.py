"""Changes made on the way: data, so that they can be logged, saved and replayed.

An edit belongs to the border after a batch and is made again whenever the run passes; twice made is once made.
A new kind of edit is a row of EDITS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.errors import CommandError, EngineError
from engine.history.replay import Replay
from engine.lookup.expressions import evaluate
from engine.lookup.live import LiveValues
from engine.protocol.recipe import Edit


def apply_edit(replay: Replay, edit: Edit) -> bool:
    """Make the change in the trainer as it stands; whether the model now computes something else.

    Raises EngineError, having changed nothing, where it cannot be made.
    """
    change = EDITS.get(_plain_name(edit.name))
    if change is not None:
        change(replay, edit.value)
    elif _is_hyper_parameter(replay, edit.name):
        _set_hyper_parameter(replay, edit.name, edit.value)
    else:
        _set_tensor(replay, edit.name, edit.value)
        return True
    return False


_BASE_RATE = "base_lr"  # the trainer's own note in torch's groups: it is set as the learning rate
RATES = ("learning_rate", "lr", "η", "eta")  # one thing


def _plain_name(name: str) -> str:
    return "learning_rate" if name in RATES else name


def _number(replay: Replay, expression: str) -> float:
    value = evaluate(expression, _live(replay))
    if isinstance(value, str) or (isinstance(value, Tensor) and value.numel() != 1):
        raise CommandError(f"“{expression}” is not one number", "for example: set learning_rate 0.1")
    number = float(value)
    if not math.isfinite(number):
        raise CommandError(f"“{expression}” is {number}", "use a finite number")
    return number


def _live(replay: Replay) -> LiveValues:
    """The values where the trainer stands; its learning rate is the one that is to be changed."""
    values = LiveValues(replay, {})
    values.scalars["learning_rate"] = lambda: float(replay.trainer.optimizer.param_groups[0]["lr"])
    return values


def _learning_rate(replay: Replay, expression: str) -> None:
    rate = _number(replay, expression)
    if rate <= 0:
        raise CommandError(f"a learning rate of {rate:g} makes no sense", "use a number above 0")
    for group in replay.trainer.optimizer.param_groups:
        group["lr"] = rate
        if "base_lr" in group:
            group["base_lr"] = rate


def _batch_size(replay: Replay, expression: str) -> None:
    size = batch_size_of(replay, expression)
    replay.trainer.loader.batch_size = size  # type: ignore[attr-defined]


def batch_size_of(replay: Replay, expression: str) -> int:
    """The batch size that an expression means. Raises CommandError where this loader cannot take it."""
    loader = replay.trainer.loader
    if not hasattr(loader, "inputs") or not hasattr(loader, "batch_size"):
        raise CommandError("the batch size of this loader cannot be changed", "make the loader with another one")
    size, most = (len(loader.inputs), len(loader.inputs)) if expression == "all" else (0, len(loader.inputs))
    size = size or round(_number(replay, expression))
    if not 1 <= size <= most:
        raise CommandError(f"a batch size of {size} does not fit", f"use 1 to {most}, or all")
    return size


def _optimizer(replay: Replay, name: str) -> None:
    from engine.experiments.assemble import make_optimizer
    from engine.experiments.optimizers import OPTIMIZERS

    if name not in OPTIMIZERS:
        raise CommandError(f"there is no optimizer “{name}”", f"there are {', '.join(OPTIMIZERS)}")
    trainer = replay.trainer
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    trainer.replace_optimizer(make_optimizer(name, parameters, OPTIMIZERS[name].learning_rate))


def _set_frozen(frozen: bool) -> Callable[[Replay, str], None]:
    def change(replay: Replay, where: str) -> None:
        for parameter in parameters_at(replay, where):
            parameter.requires_grad_(not frozen)

    return change


def parameters_at(replay: Replay, where: str) -> list[torch.nn.Parameter]:
    """The parameters of a layer by its number or module path, or one parameter by its name."""
    model, naming = replay.trainer.model, replay.naming
    named = dict(model.named_parameters())
    full = naming.full_name.get(where, where)
    if full in named:
        return [named[full]]
    layer = next((la for la in naming.layers if where in (str(la.index), la.path)), None)
    if layer is not None:
        return list(layer.module.parameters())
    inside = [p for name, p in named.items() if name.startswith(where + ".")]
    if not inside:
        raise CommandError(f"there is no layer or parameter “{where}”", f"layers are 1 to {len(naming.layers)}")
    return inside


EDITS: dict[str, Callable[[Replay, str], None]] = {
    "learning_rate": _learning_rate,
    "batch_size": _batch_size,
    "optimizer": _optimizer,
    "freeze": _set_frozen(True),
    "unfreeze": _set_frozen(False),
}


def _is_hyper_parameter(replay: Replay, name: str) -> bool:
    value = None if name == _BASE_RATE else replay.trainer.optimizer.param_groups[0].get(name)
    return isinstance(value, float | int) and not isinstance(value, bool)


def _set_hyper_parameter(replay: Replay, name: str, expression: str) -> None:
    number = _number(replay, expression)
    optimizer = replay.trainer.optimizer
    for group in optimizer.param_groups:
        group[name] = number
    if name == "momentum" and isinstance(
        optimizer, torch.optim.RMSprop
    ):  # it makes this with the rest of its state only
        for parameter, state in optimizer.state.items():
            state.setdefault("momentum_buffer", torch.zeros_like(parameter))


def _set_tensor(replay: Replay, name: str, expression: str) -> None:
    """A parameter, or a slice of one: set W[1][3,5] 0.5."""
    live = _live(replay)
    target = _target(replay, name, live)
    value = evaluate(expression, live)
    if isinstance(value, str):
        raise CommandError(f"“{expression}” is a word", "use a number, or an expression of parameters")
    with torch.no_grad():
        tensor = torch.as_tensor(value, dtype=target.dtype)
        try:
            target.copy_(tensor.expand_as(target).clone())
        except RuntimeError:
            sizes = ["×".join(map(str, t.shape)) or "one number" for t in (tensor, target)]
            raise CommandError(
                f"{expression} is {sizes[0]}, {name} is {sizes[1]}", "give one number, or the shape"
            ) from None


def _target(replay: Replay, name: str, live: LiveValues) -> Tensor:
    """The part of a live parameter that a name and index mean."""
    try:
        target = evaluate(name, live)
    except EngineError as error:
        raise CommandError(f"“{name}” cannot be set: {error.problem}", settable(replay)) from None
    storages = {p.untyped_storage().data_ptr() for p in replay.trainer.model.parameters()}
    if not isinstance(target, Tensor) or target.untyped_storage().data_ptr() not in storages:
        raise CommandError(f"“{name}” cannot be set", settable(replay))
    return target


def settable(replay: Replay) -> str:
    """What `set` can change here."""
    groups: dict[str, Any] = replay.trainer.optimizer.param_groups[0]
    hyper = [key for key in groups if _is_hyper_parameter(replay, key) and key != "lr"]
    names = [replay.naming.short_name[name] for name in list(replay.naming.short_name)[:8]]
    return f"what can be set: learning_rate, batch_size, optimizer, {', '.join((*hyper, *names))} or a part, W[1][3,5]"
