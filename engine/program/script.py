"""The user's own program: a function in a Python file, called with torch's and Python's generators seeded."""

from __future__ import annotations

import importlib.util
import inspect
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.errors import ExperimentError, ModelError
from engine.experiments.experiment import MOST_EPOCHS, MOST_THREADS
from engine.program.program import Program
from engine.program.returned import program_of
from engine.protocol.recipe import Script
from engine.users_code import users_code


def load_script(script: Script) -> Program:
    """Run the user's file and call its function.

    Raises ModelError, with the user's own traceback where their code raised, for what cannot be used, and
    ExperimentError for numbers out of range, before anything is run.
    """
    check_numbers(script.epochs, script.threads, script.seed, script.batches)
    path = Path(script.path).expanduser()
    if not path.is_file():
        raise ModelError(f"there is no file “{script.path}”", "name it as FILE.py:FUNCTION")
    torch.set_num_threads(script.threads)
    _seed(script.seed)
    with _called_with(path, script.arguments), users_code(f"running {path.name}"):
        module = _imported(path)
    function = getattr(module, script.function, None)
    if not callable(function):
        functions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        raise ModelError(
            f"{path.name} has no function “{script.function}”",
            f"it has {', '.join(functions)}" if functions else "it has none",
        )
    _seed(script.seed)
    with _called_with(path, script.arguments), users_code(f"{script.function}()"):
        returned = function()
    program = program_of(f"{script.function}()", returned)
    check_numbers(program.epochs or 1, batches=program.batches or 0)
    program.batches = script.batches or program.batches
    return program


def check_numbers(epochs: object, threads: int = 1, seed: int = 0, batches: object = 0) -> None:
    """Raise ExperimentError for a number that is out of its range."""
    ranges = {
        "epochs": (epochs, 1, MOST_EPOCHS),
        "threads": (threads, 1, MOST_THREADS),
        "seed": (seed, 0, 2**63 - 1),
        "batches": (batches, 0, 10**9),
    }
    for name, (number, least, most) in ranges.items():
        if not isinstance(number, int) or not least <= number <= most:
            raise ExperimentError(f"{name} cannot be {number}", f"use {max(1, least)} to {most}")


@contextmanager
def _called_with(path: Path, arguments: tuple[str, ...]) -> Iterator[None]:
    """The user's file finds its own name and arguments in sys.argv, as under `python FILE.py ARGUMENTS`."""
    before, sys.argv = sys.argv, [str(path), *arguments]
    try:
        yield
    finally:
        sys.argv = before


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
