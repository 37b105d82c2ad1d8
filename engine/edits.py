"""Changes made on the way: data, so that they can be logged, saved and replayed.

An edit belongs to the border after a batch and is made again whenever the run passes; twice made is once made.
A new kind of edit is a row of EDITS.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import torch
from torch import Tensor

from engine.errors import CommandError, EngineError
from engine.history.timeline import Timeline
from engine.lookup.expressions import evaluate
from engine.lookup.live import LiveValues
from engine.lookup.scalars import only_rate
from engine.program.groups import Group
from engine.protocol.recipe import Edit


def apply_edit(timeline: Timeline, edit: Edit) -> bool:
    """Make the change in the trainer as it stands; whether the model now computes something else.

    Raises EngineError, having changed nothing, where it cannot be made.
    """
    change = EDITS.get(edit.name)
    if change is not None:
        change(timeline, edit.value)
    elif (found := groups_of(timeline, edit.name)) is not None:
        _set_hyper_parameter(timeline, *found, edit.value)
    else:
        _set_tensor(timeline, edit.name, edit.value)
        return True
    return False


_GROUPED = re.compile(r"(\w+)(?:\[([^\]]*)\])?")
_BASE_RATE = "base_lr"  # the trainer's own note in torch's groups: it is set as the learning rate
RATES = ("learning_rate", "lr", "η", "eta")  # one thing


def _number(timeline: Timeline, expression: str) -> float:
    value = evaluate(expression, _live(timeline))
    if isinstance(value, str) or (isinstance(value, Tensor) and value.numel() != 1):
        raise CommandError(f"“{expression}” is not one number", "for example: set learning_rate 0.1")
    number = float(value)
    if not math.isfinite(number):
        raise CommandError(f"“{expression}” is {number}", "use a finite number")
    return number


def _live(timeline: Timeline) -> LiveValues:
    """The values where the trainer stands; its learning rate is the one that is to be changed."""
    values = LiveValues(timeline, {})
    values.scalars["learning_rate"] = lambda: only_rate(timeline.trainer.groups.rates())
    return values


def _set_rate(timeline: Timeline, groups: list[Group], expression: str) -> None:
    rate = _number(timeline, expression)
    if rate <= 0:
        raise CommandError(f"a learning rate of {rate:g} makes no sense", "use a number above 0")
    for group in groups:
        values = timeline.trainer.groups.values(group)
        values["lr"] = rate
        if _BASE_RATE in values:
            values[_BASE_RATE] = rate


def _batch_size(timeline: Timeline, expression: str) -> None:
    size = batch_size_of(timeline, expression)
    timeline.trainer.loader.batch_size = size  # type: ignore[attr-defined]


def batch_size_of(timeline: Timeline, expression: str) -> int:
    """The batch size that an expression means. Raises CommandError where this loader cannot take it."""
    loader = timeline.trainer.loader
    if not hasattr(loader, "inputs") or not hasattr(loader, "batch_size"):
        raise CommandError("the batch size of this loader cannot be changed", "make the loader with another one")
    size, most = (len(loader.inputs), len(loader.inputs)) if expression == "all" else (0, len(loader.inputs))
    size = size or round(_number(timeline, expression))
    if not 1 <= size <= most:
        raise CommandError(f"a batch size of {size} does not fit", f"use 1 to {most}, or all")
    return size


def _optimizer(timeline: Timeline, name: str) -> None:
    from engine.experiments.assemble import make_optimizer
    from engine.experiments.optimizers import OPTIMIZERS

    if name not in OPTIMIZERS:
        raise CommandError(f"there is no optimizer “{name}”", f"there are {', '.join(OPTIMIZERS)}")
    trainer = timeline.trainer
    if len(trainer.optimizers) > 1:
        raise CommandError("this program has several optimizers", settable(timeline))
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    trainer.replace_optimizer(make_optimizer(name, parameters, OPTIMIZERS[name].learning_rate))


def _set_frozen(frozen: bool) -> Callable[[Timeline, str], None]:
    def change(timeline: Timeline, where: str) -> None:
        for parameter in parameters_at(timeline, where):
            parameter.requires_grad_(not frozen)

    return change


def parameters_at(timeline: Timeline, where: str) -> list[Tensor]:
    """The parameters of a layer by its number or module path, or one parameter by its name."""
    naming = timeline.naming
    named = dict(timeline.trainer.modules.named_parameters())
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


EDITS: dict[str, Callable[[Timeline, str], None]] = {
    "batch_size": _batch_size,
    "optimizer": _optimizer,
    "freeze": _set_frozen(True),
    "unfreeze": _set_frozen(False),
}


def groups_of(timeline: Timeline, name: str) -> tuple[str, list[Group]] | None:
    """The hyper-parameter that a name means, `momentum`, `lr[head]` or `lr[*]`, and its groups; None if it is none.

    Raises CommandError where several groups have it and none is named.
    """
    found = _GROUPED.fullmatch(name)
    if found is None:
        return None
    key, groups = "lr" if found[1] in RATES else found[1], timeline.trainer.groups
    if not any(_is_number(groups.values(group).get(key)) for group in groups.all) or key == _BASE_RATE:
        return None
    return key, groups.choose(key, found[2])


def _is_number(value: object) -> bool:
    single = isinstance(value, Tensor) and value.numel() == 1
    return single or (isinstance(value, float | int) and not isinstance(value, bool))


def _set_hyper_parameter(timeline: Timeline, key: str, groups: list[Group], expression: str) -> None:
    if key == "lr":
        return _set_rate(timeline, groups, expression)
    number, trainer = _number(timeline, expression), timeline.trainer
    for group in groups:
        values = trainer.groups.values(group)
        values[key] = number
        optimizer = trainer.optimizers[group.optimizer]
        if key == "momentum" and isinstance(optimizer, torch.optim.RMSprop):
            for parameter in values["params"]:  # it makes this with the rest of its state only
                if parameter in optimizer.state:
                    optimizer.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))
    return None


def _set_tensor(timeline: Timeline, name: str, expression: str) -> None:
    """A parameter, or a slice of one: set W[1][3,5] 0.5."""
    live = _live(timeline)
    target = _target(timeline, name, live)
    value = evaluate(expression, live)
    if isinstance(value, str):
        raise CommandError(f"“{expression}” is a word", "use a number, or an expression of parameters")
    with torch.no_grad():
        tensor = torch.as_tensor(value, dtype=target.dtype, device=target.device)
        try:
            target.copy_(tensor.expand_as(target).clone())
        except RuntimeError:
            sizes = ["×".join(map(str, t.shape)) or "one number" for t in (tensor, target)]
            raise CommandError(
                f"{expression} is {sizes[0]}, {name} is {sizes[1]}", "give one number, or the shape"
            ) from None


def _target(timeline: Timeline, name: str, live: LiveValues) -> Tensor:
    """The part of a live parameter that a name and index mean."""
    try:
        target = evaluate(name, live)
    except EngineError as error:
        raise CommandError(f"“{name}” cannot be set: {error.problem}", settable(timeline)) from None
    storages = {p.untyped_storage().data_ptr() for p in timeline.trainer.modules.parameters()}
    if not isinstance(target, Tensor) or target.untyped_storage().data_ptr() not in storages:
        raise CommandError(f"“{name}” cannot be set", settable(timeline))
    return target


def settable(timeline: Timeline) -> str:
    """What `set` can change here."""
    groups = timeline.trainer.groups
    keys = [key for group in groups.all for key, value in groups.values(group).items() if _is_number(value)]
    named = len(groups.all) > 1
    hyper = [f"{key}[…]" if named else key for key in dict.fromkeys(keys) if key not in ("lr", _BASE_RATE)]
    names = [timeline.naming.short_name[name] for name in list(timeline.naming.short_name)[:8]]
    rate = "learning_rate[…]" if named else "learning_rate"
    return f"what can be set: {rate}, batch_size, optimizer, {', '.join((*hyper, *names))} or a part, W[1][3,5]"
