"""What a user's function may return, and the Program that it makes: four things, or a step of one's own."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from engine.errors import ModelError
from engine.program.modules import Modules
from engine.program.program import Program, Supervised

_FOUR = ("model", "loss", "optimizer", "loader")
_ALSO = ("validation", "name", "epochs", "batches", "scheduler")
_OWN = ("modules", "optimizers", "loader", "step")
_OWN_ALSO = ("state", "validation", "validate", "batches", "name", "epochs")
_WANTED = (
    "return model, loss, optimizer, loader (and a validation loader, a name, a scheduler), as a tuple or a dict; "
    "or modules, optimizers, loader and a step(batch) of your own"
)
_SCHEDULERS = (LRScheduler, ReduceLROnPlateau)


def program_of(where: str, returned: Any) -> Program:
    """The program that a function returned; `where` names the function.

    Raises ModelError for what is missing, unknown or of another kind.
    """
    if isinstance(returned, tuple | list):
        return _supervised(where, _in_order(where, returned))
    if callable(getattr(returned, "fit", None)):
        raise ModelError(
            f"{where} returned a {type(returned).__name__}, whose loop is its own: it cannot be stepped",
            "return its module, an optimizer, the loader, and a step that calls training_step: README, Recipes",
        )
    named = _by_name(returned)
    if named.keys() & {"step", "modules", "optimizers"}:
        return _own(where, named)
    return _supervised(where, named)


def _by_name(returned: Any) -> dict[str, Any]:
    if isinstance(returned, Mapping):
        return dict(returned)
    wanted = dict.fromkeys((*_FOUR, *_ALSO, *_OWN, *_OWN_ALSO))
    return {name: found for name in wanted if (found := getattr(returned, name, None)) is not None}


def _in_order(where: str, returned: tuple[Any, ...] | list[Any]) -> dict[str, Any]:
    """After the fourth of the four things, parts are told apart by their type."""
    given: dict[str, Any] = dict(zip(_FOUR, returned[:4], strict=False))
    for more in returned[4:]:
        name = _kind(more)
        if name is None:
            raise ModelError(f"{where} returned a {type(more).__name__} after its loader", _AFTER)
        if name == "scheduler":
            given.setdefault("scheduler", []).append(more)
        elif name in given:
            raise ModelError(f"{where} returned two parts that could be its {name}", "return a dict that names them")
        else:
            given[name] = more
    return given


_AFTER = "there may stand a validation loader, a name, a scheduler, or (scheduler, “batch”)"


def _kind(part: Any) -> str | None:
    if isinstance(part, str):
        return "name"
    if isinstance(part, _SCHEDULERS) or _is_pair(part):
        return "scheduler"
    return "validation" if part is None or isinstance(part, Iterable) else None


def _is_pair(part: Any) -> bool:
    return isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], _SCHEDULERS)


# ── four things ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _supervised(where: str, given: dict[str, Any]) -> Program:
    _refuse_unknown(where, given, (*_FOUR, *_ALSO))
    _need(where, given, _FOUR)
    model, optimizer = given["model"], given["optimizer"]
    _check(where, "model", model, isinstance(model, nn.Module), "an nn.Module; for several, a step of your own")
    _check(where, "loss", given["loss"], callable(given["loss"]), "a function of output and targets")
    _check(where, "optimizer", optimizer, isinstance(optimizer, Optimizer), "a torch.optim.Optimizer")
    _check_loader(where, given["loader"])
    _check_lazy({"": model})
    return Supervised(
        model,
        given["loss"],
        optimizer,
        given["loader"],
        validation=given.get("validation"),
        schedulers=_schedulers(where, given.get("scheduler")),
        batches=given.get("batches"),
        name=given.get("name") or "",
        epochs=given.get("epochs"),
    )


def _schedulers(where: str, given: Any) -> list[tuple[Any, str]]:
    """Each with how often it is stepped: once an epoch, unless it stands in a pair with “batch”."""
    found = []
    for item in given if isinstance(given, list) else [] if given is None else [given]:
        scheduler, when = item if isinstance(item, tuple) and len(item) == 2 else (item, "epoch")
        _check(where, "scheduler", scheduler, hasattr(scheduler, "step"), "a scheduler of torch.optim.lr_scheduler")
        if when not in ("epoch", "batch"):
            raise ModelError(f"a scheduler cannot be stepped once a {when}", "write (scheduler, “batch”) or “epoch”")
        found.append((scheduler, when))
    return found


# ── a step of one's own ───────────────────────────────────────────────────────────────────────────────────────────────


def _own(where: str, given: dict[str, Any]) -> Program:
    _refuse_unknown(where, given, (*_OWN, *_OWN_ALSO))
    _need(where, given, _OWN)
    modules = _named(where, "modules", given["modules"], nn.Module, "an nn.Module, or a dict of them by name")
    optimizers = _named(where, "optimizers", given["optimizers"], Optimizer, "an optimizer, or a dict of them by name")
    _check(where, "step", given["step"], callable(given["step"]), "a function of one batch")
    _check_loader(where, given["loader"])
    _check_lazy(modules)
    state = given.get("state") or {}
    if not isinstance(state, Mapping):
        items = state if isinstance(state, tuple | list) else [state]
        state = {type(item).__name__ + (f" {n}" if n > 1 else ""): item for n, item in enumerate(items, 1)}
    for name, item in state.items():
        fits = hasattr(item, "state_dict") and hasattr(item, "load_state_dict")
        _check(where, f"state {name}", item, fits, "something with state_dict and load_state_dict")
    if given.get("validation") is not None and given.get("validate") is None:
        raise ModelError(f"{where} returned a validation loader, but no validate(batch)", "return both")
    return Program(
        Modules(modules),
        dict(optimizers),
        given["loader"],
        given["step"],
        dict(state),
        given.get("validation"),
        given.get("validate"),
        given.get("batches"),
        given.get("name") or "",
        given.get("epochs"),
    )


def _named(where: str, part: str, given: Any, kind: type, wanted: str) -> dict[str, Any]:
    if isinstance(given, nn.ModuleDict):
        given = dict(given.items())
    named = {"": given} if isinstance(given, kind) else given
    _check(where, part, given, isinstance(named, Mapping) and bool(named), wanted)
    for name, item in named.items():
        _check(where, f"{part}[{name!r}]", item, isinstance(item, kind), wanted)
        if not isinstance(name, str) or (name and not name.isidentifier()):
            raise ModelError(f"{where} names one of its {part} {name!r}", "use a word of letters, like G")
    return dict(named)


# ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse_unknown(where: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            meant = f"do you mean {near[0]}? " if near else ""
            raise ModelError(f"{where} returned an unknown part “{name}”", f"{meant}parts are {', '.join(known)}")


def _need(where: str, given: dict[str, Any], wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if given.get(name) is None]
    if missing:
        raise ModelError(f"{where} returned no {', '.join(missing)}", _WANTED)


def _check(where: str, name: str, value: Any, fits: bool, wanted: str) -> None:
    if not fits:
        raise ModelError(f"{where} returned a {type(value).__name__} as its {name}", f"give {wanted}")


def _check_loader(where: str, loader: Any) -> None:
    _check(where, "loader", loader, isinstance(loader, Iterable), "a DataLoader, or a list of batches")


def _check_lazy(modules: Mapping[str, nn.Module]) -> None:
    """What has no shape yet cannot be shown; and whether it gets one now or later decides about random numbers."""
    for name, parameter in Modules(modules).named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise ModelError(
                f"parameter {name} is lazy and has no shape yet",
                "call the model once on an example, before the optimizer is made: model(torch.zeros(1, …))",
            )
