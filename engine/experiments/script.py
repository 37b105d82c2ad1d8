"""The user's own model: a function in a Python file, called with torch's and Python's generators seeded."""

from __future__ import annotations

import importlib.util
import inspect
import random
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from engine.errors import ExperimentError, ModelError
from engine.experiments.experiment import MOST_EPOCHS, MOST_THREADS
from engine.protocol.recipe import Script
from engine.users_code import users_code

_FIELDS = ("model", "loss", "optimizer", "loader", "validation", "name", "epochs")
_WANTED = "return model, loss, optimizer, loader (and a validation loader and a name), as a tuple or a dict"


@dataclass(frozen=True)
class ScriptParts:
    """What the user's function returned; its epochs, where it says so, else those of the command line."""

    model: nn.Module
    loss: Any
    optimizer: Optimizer
    loader: Iterable[Any]
    validation: Iterable[Any] | None = None
    name: str = ""
    epochs: int | None = None


def load_script(script: Script) -> ScriptParts:
    """Run the user's file and call its function.

    Raises ModelError, with the user's own traceback where their code raised, for what cannot be used, and
    ExperimentError for numbers out of range, before anything is run.
    """
    _check_numbers(script.epochs, script.threads, script.seed)
    path = Path(script.path).expanduser()
    if not path.is_file():
        raise ModelError(f"there is no file “{script.path}”", "name it as FILE.py:FUNCTION")
    torch.set_num_threads(script.threads)
    _seed(script.seed)
    with users_code(f"running {path.name}"):
        module = _imported(path)
    function = getattr(module, script.function, None)
    if not callable(function):
        functions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        raise ModelError(
            f"{path.name} has no function “{script.function}”",
            f"it has {', '.join(functions)}" if functions else "it has none",
        )
    _seed(script.seed)
    with users_code(f"{script.function}()"):
        returned = function()
    return _parts(script, returned)


def _check_numbers(epochs: object, threads: int = 1, seed: int = 0) -> None:
    ranges = {"epochs": (epochs, 1, MOST_EPOCHS), "threads": (threads, 1, MOST_THREADS), "seed": (seed, 0, 2**63 - 1)}
    for name, (number, least, most) in ranges.items():
        if not isinstance(number, int) or not least <= number <= most:
            raise ExperimentError(f"{name} cannot be {number}", f"use {least} to {most}")


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def _imported(path: Path) -> Any:
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python FILE.py` does, for the modules beside it
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path.name} is not a Python file", "name it as FILE.py:FUNCTION")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _parts(script: Script, returned: Any) -> ScriptParts:
    given = _by_name(returned)
    missing = [name for name in _FIELDS[:4] if given.get(name) is None]
    if missing:
        raise ModelError(f"{script.function}() returned no {', '.join(missing)}", _WANTED)
    parts = ScriptParts(**given)
    _check_numbers(parts.epochs if parts.epochs is not None else script.epochs)
    _check(script, "model", parts.model, isinstance(parts.model, nn.Module), "an nn.Module")
    _check(script, "loss", parts.loss, callable(parts.loss), "a function of output and targets")
    _check(script, "optimizer", parts.optimizer, isinstance(parts.optimizer, Optimizer), "a torch.optim.Optimizer")
    _check(script, "loader", parts.loader, isinstance(parts.loader, Iterable), "a DataLoader, or a list of batches")
    return parts


def _by_name(returned: Any) -> dict[str, Any]:
    if isinstance(returned, Mapping):
        return {name: value for name, value in returned.items() if name in _FIELDS}
    if not isinstance(returned, tuple | list):
        return {name: getattr(returned, name) for name in _FIELDS if hasattr(returned, name)}
    given = dict(zip(_FIELDS, returned[:4], strict=False))
    for more in returned[4:]:
        given["name" if isinstance(more, str) else "validation"] = more
    return given


def _check(script: Script, name: str, value: Any, fits: bool, wanted: str) -> None:
    if not fits:
        raise ModelError(f"{script.function}() returned a {type(value).__name__} as its {name}", f"give {wanted}")
