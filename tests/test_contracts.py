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
LOADED = "sorted({name.partition('.')[0] for name in sys.modules})"


def packages_loaded_by(*modules: str) -> dict[str, frozenset[str]]:
    """The top-level packages that a fresh Python holds once it has imported each of `modules`, one after another."""
    code = "import json, sys; found = {}\n" + "\n".join(
        f"import {name}; found[{name!r}] = {LOADED}" for name in modules
    )
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\njson.dump(found, sys.stdout)"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return {name: frozenset(packages) for name, packages in json.loads(process.stdout).items()}


@pytest.mark.parametrize(
    "modules",
    [
        (
            "engine",
            "engine.errors",
            "engine.protocol.commands",
            "engine.protocol.command_table",
            "engine.protocol.recipe",
            "engine.protocol.messages",
            "engine.protocol.transport",
            "engine.protocol.views",
            "engine.experiments.experiment",
            "engine.experiments.optimizers",
            "engine.experiments.schedules",
        ),
        ("nnwalk_tui.client.spawned", "nnwalk_tui.app", "nnwalk_tui.cli", "tests.support.fake_engine"),
    ],
    ids=["what it uses of the engine", "itself"],
)
def test_the_screen_does_not_load_torch(modules: tuple[str, ...]) -> None:
    for module, loaded in packages_loaded_by(*modules).items():
        assert not loaded & TORCH, module


def test_the_engine_loads_torch_and_nothing_of_the_screen() -> None:
    for module, loaded in packages_loaded_by("engine.session", "engine.server").items():
        assert "torch" in loaded
        assert not loaded & SCREEN, module


def of_tests_imported_by(file: Path) -> Iterator[str]:
    """The modules of tests that a file imports, wherever in it; relative imports as they are written."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "tests")
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").partition(".")[0] == "tests"):
            yield "." * node.level + (node.module or "")


def test_tests_import_of_each_other_only_what_stands_in_support() -> None:
    files = sorted(set(TESTS.rglob("*.py")) - set((TESTS / "support" / "loops").rglob("*.py")))  # scripts of their own
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
