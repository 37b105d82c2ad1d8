"""The small programs themselves: a step that is looped over the loader gives the bits of the plain loop."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.programs import PROGRAMS, Parts


def batches_of(parts: Parts) -> Iterator[Any]:
    """The batches of all epochs, one after another."""
    for _ in range(parts["epochs"]):
        yield from islice(parts["loader"], parts.get("batches"))


def bits(item: Any) -> Any:
    """Any state as something that is equal only where every bit is."""
    if isinstance(item, Tensor):
        return str(item.dtype), tuple(item.shape), item.detach().contiguous().view(-1).view(torch.uint8).tolist()
    if isinstance(item, dict):
        return {key: bits(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [bits(value) for value in item]
    return repr(item)


def state_of(parts: Parts) -> dict[str, Any]:
    """Every bit of the state of everything that a loop leaves."""
    return {
        f"{kind} {name}": bits(thing.state_dict())
        for kind in ("modules", "optimizers", "state")
        for name, thing in parts.get(kind, {}).items()
    }


@pytest.mark.parametrize("batches", [1, 8, 50])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_step_in_a_loop_gives_the_bits_of_the_plain_loop(name: str, batches: int) -> None:
    program = PROGRAMS[name]
    parts = program.make()
    before = state_of(parts)
    taken = 0
    for batch in islice(batches_of(parts), batches):
        parts["step"](batch)
        taken += 1
    looped = state_of(parts)
    assert taken == batches
    assert looped == state_of(program.plain(batches))
    assert looped != before


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_step_says_a_loss_or_scores_by_name(name: str) -> None:
    parts = PROGRAMS[name].make()
    said = parts["step"](next(batches_of(parts)))
    losses = said.values() if isinstance(said, dict) else [said]
    assert all(loss.numel() == 1 and torch.isfinite(loss) for loss in losses)


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if "validate" in program.make()])
def test_validating_changes_no_bit_but_the_generator_s(name: str) -> None:
    parts = PROGRAMS[name].make()
    parts["step"](next(batches_of(parts)))
    modules = [*parts["modules"].values(), *(each for each in parts.get("state", {}).values() if hasattr(each, "eval"))]
    before = state_of(parts)
    for module in modules:
        module.eval()
    with torch.no_grad():
        scores = [parts["validate"](batch) for batch in parts["validation"]]
    assert scores
    assert state_of(parts) == before


@pytest.mark.parametrize("file", sorted({program.file for program in PROGRAMS.values()}), ids=lambda file: file.stem)
def test_a_file_stands_alone_with_torch_as_a_user_s_own_does(file: Path) -> None:
    imports = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    roots = {str(name).partition(".")[0] for name in names}
    assert "torch" in roots
    assert roots - {"torch"} <= sys.stdlib_module_names
