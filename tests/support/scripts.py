"""Exported scripts, run."""

from __future__ import annotations

import os
import runpy
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.support.forked import forked

OURS = ("engine", "nnwalk_tui", "tests")


def printed_by_plain_python(path: Path) -> str:
    """What a script prints last, run by a Python that has, and finds, nothing of this program."""

    def run() -> None:
        os.chdir(path.parent)
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]
        sys.meta_path.insert(0, NothingOfOurs())
        sys.argv = [str(path)]
        runpy.run_path(str(path), run_name="__main__")

    made = forked(run)
    assert made.returncode == 0, made.stderr
    return made.stdout.splitlines()[-1]


class NothingOfOurs(MetaPathFinder):
    """Finds nothing of this program, and lets nobody else find it."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in OURS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def printed_here(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a script prints last, run in this process, which spares one that imports torch."""
    capsys.readouterr()
    known = set(sys.modules)
    with patch.object(sys, "argv", [str(path)]), patch.object(sys, "path", [str(path.parent), *sys.path]):
        runpy.run_path(str(path), run_name="__main__")
        of_the_script = {name for name in set(sys.modules) - known if _stands_in(name, Path(sys.path[0]))}
    for name in of_the_script:
        del sys.modules[name]
    return capsys.readouterr().out.splitlines()[-1]


def _stands_in(module: str, folder: Path) -> bool:
    file = getattr(sys.modules[module], "__file__", None)
    return file is not None and Path(file).parent == folder
