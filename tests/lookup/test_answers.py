"""Answers as JSON."""

from __future__ import annotations

import json
import math

from engine.lookup.answers import for_json
from engine.protocol.positions import Position


def test_whatever_an_answer_holds_can_be_json() -> None:
    value = {"at": Position(1, 2, 2, 3), "seen": [math.nan, -math.inf, {"loss": (0.5, Position(1, 1, 1))}]}
    told = json.loads(json.dumps(for_json(value)))
    assert told["at"]["event"] == 3
    assert told["seen"][:2] == ["nan", "-inf"]
    assert told["seen"][2]["loss"][1]["batch"] == 1
