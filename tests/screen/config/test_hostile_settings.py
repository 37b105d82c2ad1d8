"""No file of settings, however wrong, keeps the program from starting; what is wrong in it is said."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from engine.protocol.recipe import Job
from nnwalk_tui.config import keymap
from nnwalk_tui.config.settings import Chosen, read
from tests.support.mutated import config, mutated_bytes

OWNERS = {"space": "the pane here"}


def started(path: Path, content: bytes) -> None:
    """All that a start does with the settings: they are whole, whatever the file says, and its problems are lines."""
    path.write_bytes(content)
    settings, problems = read(path)
    keys, more = keymap.remapped(settings, OWNERS)
    assert keys
    msgspec.json.encode(Job(history_bytes=settings.history))
    assert isinstance(settings.mouse, bool)
    assert isinstance(settings.theme + settings.layout, str)
    for problem in (*problems, *more):
        assert 0 <= problem.line <= content.count(b"\n") + 2
        assert len(str(problem)) < 8000
    assert "\n" not in Chosen(settings, problems).warning(more)


@pytest.mark.parametrize("seed", range(25))
def test_a_start_survives_any_settings(seed: int, tmp_path: Path) -> None:
    started(tmp_path / "config.toml", config(seed).encode())
    started(tmp_path / "config.toml", mutated_bytes(config(seed).encode(), seed))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(25, 175))
def test_a_start_survives_many_settings(seed: int, tmp_path: Path) -> None:
    started(tmp_path / "config.toml", config(seed).encode())
    started(tmp_path / "config.toml", mutated_bytes(config(seed).encode(), seed))


def test_what_is_no_file_of_settings_is_said_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 2**40)
    for name in ("pipe", "large", "."):
        _, problems = read(tmp_path / name)
        assert "no file of settings" in problems[0].what
    assert read(tmp_path / "none")[1] == []
