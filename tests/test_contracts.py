"""What a fresh process has loaded after an import: the contracts on imports, looked at from the running side."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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
