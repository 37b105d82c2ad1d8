"""What lessons print without a screen, each run once in all processes of a test session."""

from __future__ import annotations

import fcntl
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from nnwalk_tui.cli import commands

Lines = list[dict[str, Any]]


@cache
def lines(slug: str) -> Lines:
    """What a lesson prints; other processes that ask meanwhile wait for the one that runs it."""
    kept = Path(os.environ["NNWALK_TUI_TESTS"], f"lesson-{slug}.json")
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_text(json.dumps(_run(slug)))
    found: Lines = json.loads(kept.read_text())
    return found


def _run(slug: str) -> Lines:
    result = CliRunner().invoke(commands, ["lesson", slug, "--headless", "--json"])
    assert result.exit_code == 0, result.output[-2000:]
    return [json.loads(line) for line in result.stdout.splitlines()]


def computed(slug: str, request: str, part: str = "") -> Any:
    """The value of a computation that a lesson shows, or asks for."""
    for line in lines(slug):
        if line.get("command") == f"compute {request}" and line.get("part", "") == part:
            value = line["value"]
            return value["value"] if isinstance(value, dict) and "table" in value else value
    raise AssertionError(f"{slug} does not compute {request} {part}")


def answer(slug: str, question: str) -> Any:
    """A question's own answer."""
    return next(line["answer"] for line in lines(slug) if line.get("name") == question)
