"""The contracts on imports: what a fresh process has loaded, and that tests share nothing but their support."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

TESTS = Path(__file__).parent
TORCH = frozenset({"torch", "torchvision"})
SCREEN = frozenset({"textual", "rich", "nnwalk_tui"})
REPORT = "import json, sys; json.dump(sorted({name.partition('.')[0] for name in sys.modules}), sys.stdout)"


def packages_loaded_by(module: str) -> frozenset[str]:
    """The top-level packages that a fresh Python holds once it has imported `module`."""
    process = subprocess.run(
        [sys.executable, "-c", f"import {module}; {REPORT}"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return frozenset(json.loads(process.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "engine",
        "engine.protocol.command_table",
        "engine.protocol.commands",
        "engine.errors",
        "engine.experiments.experiment",
        "engine.protocol.messages",
        "engine.protocol.recipe",
        "engine.experiments.optimizers",
        "engine.experiments.schedules",
        "engine.protocol.transport",
        "engine.protocol.views",
    ],
)
def test_what_the_screen_may_use_of_the_engine_does_not_load_torch(module: str) -> None:
    assert not packages_loaded_by(module) & TORCH


@pytest.mark.parametrize("module", ["nnwalk_tui.app", "nnwalk_tui.cli", "nnwalk_tui.client.spawned"])
def test_the_screen_does_not_load_torch(module: str) -> None:
    assert not packages_loaded_by(module) & TORCH


@pytest.mark.parametrize("module", ["engine.session", "engine.server"])
def test_the_engine_loads_torch_and_nothing_of_the_screen(module: str) -> None:
    loaded = packages_loaded_by(module)
    assert "torch" in loaded
    assert not loaded & SCREEN


def of_tests_imported_by(file: Path) -> Iterator[str]:
    """The modules of tests that a file imports, wherever in it; relative imports as they are written."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "tests")
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").partition(".")[0] == "tests"):
            yield "." * node.level + (node.module or "")


def test_tests_import_of_each_other_only_what_stands_in_support() -> None:
    files = sorted(TESTS.rglob("*.py"))
    imported = {(file.relative_to(TESTS), name) for file in files for name in of_tests_imported_by(file)}
    assert {name for _, name in imported} >= {"tests.support", "tests.support.sessions"}
    strays = {(str(file), name) for file, name in imported if not f"{name}.".startswith("tests.support.")}
    assert strays == set()


def test_tests_stand_in_the_folders_of_what_they_test() -> None:
    screen = {path.name for path in (TESTS.parent / "nnwalk_tui").iterdir() if path.is_dir()}
    engine = {path.name for path in (TESTS.parent / "engine").iterdir() if path.is_dir()}
    for file in TESTS.rglob("test_*.py"):
        match file.parent.relative_to(TESTS).parts:
            case ("screen", folder):
                assert folder in screen, file
            case (folder,):
                assert folder in engine | {"engine", "screen"}, file
            case other:
                assert other == (), file


def test_no_modules_of_the_engine_import_each_other_in_a_circle_not_even_for_types() -> None:
    graph = grimp.build_graph("engine", exclude_type_checking_imports=False)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 100
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle
