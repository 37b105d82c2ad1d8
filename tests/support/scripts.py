"""Exported scripts, run."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest


def printed_by_plain_python(path: Path) -> str:
    """What a script prints last, run by plain Python without this program on its path."""
    made = subprocess.run(
        [sys.executable, "-I", str(path)], capture_output=True, text=True, check=False, cwd=path.parent
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.splitlines()[-1]


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
