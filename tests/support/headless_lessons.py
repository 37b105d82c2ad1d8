"""What lessons print without a screen, each run once."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from click.testing import CliRunner

from nnwalk_tui.cli import commands

Lines = list[dict[str, Any]]


@cache
def lines(slug: str) -> Lines:
    """What a lesson prints."""
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
