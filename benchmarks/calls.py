"""What a frame asks of the engine: how many of its functions are called until a snapshot is made."""

from __future__ import annotations

import statistics
import sys
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import engine
from benchmarks.harness import Benchmark, Reading
from benchmarks.subjects import session
from engine.protocol.messages import GradientLook, GraphLook, Look, NeuronsLook, TensorLook
from engine.protocol.positions import Unit
from engine.session import Session

_ENGINE = str(Path(engine.__file__).parent)
LOOK = Look(
    ["tape", "here", "graph", "layers", "gradients", "distribution", "curves", "batch", "tensor", "neurons"],
    rows=30,
    points=20,
    graph=GraphLook("layers", [], 1, 40, True),
    gradients=GradientLook("dW db", 0, 20, points=20, chosen="dW[1]", bins=20),
    tensor=TensorLook("dZ[2]", rows=20, columns=10),
    neurons=NeuronsLook(2, 20),
)


def calls(run: Session, look: Look) -> int:
    """How often functions of the engine are called for a frame, comprehensions and steps of generators included."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(_ENGINE)

    sys.setprofile(note)
    try:
        run.viewer.see(look)
    finally:
        sys.setprofile(None)
    return count


@cache
def walks() -> tuple[float, float]:
    """A frame's calls at each operation of a recorded batch, the median: walked for the first time, and again."""
    run = session()
    run.step()
    return statistics.median(_walk(run)), statistics.median(_walk(run))


def _walk(run: Session) -> list[int]:
    run.goto("1:2:1")
    found = []
    while run.event is not None:
        found.append(calls(run, LOOK))
        run.step(Unit.OP)
    return found


def _again() -> Reading:
    first, again = walks()
    return Reading(again, f"{first:.0f} where the cursor has not been")


BENCHMARKS = (
    Benchmark(
        "frame-calls",
        "functions of the engine called for ten panes, at an operation of a recorded batch",
        266,
        _again,
        unit="calls",
    ),
)
