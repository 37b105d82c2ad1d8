"""What the default layout's panes cost: bytes and processor time of a step, and what of it grows with what is shown."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.harness import Benchmark, Reading
from benchmarks.terminal import PROGRAM, Program
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.panes.loss import decimate, smoothed, window_of
from engine.protocol.messages import Do, Look
from engine.protocol.replies import Answer, Frame
from engine.protocol.views import LossView, Snapshot
from nnwalk_tui.app import NNWalkApp
from nnwalk_tui.client.local import Local

SIZES = ((80, 24), (120, 40), (240, 78))
_MOVES = "o" * 12 + "O" * 12
_BATCHES = "b" * 12
_PAIRS = 24
_SLOW = 50_000  # bytes a second


class Steps(NamedTuple):
    """What steps wrote, in bytes, and took, in seconds of the screen's processor time."""

    written: list[int]
    taken: list[float]


@cache
def steps(columns: int, rows: int, keys: str) -> Steps:
    """Each key's bytes and processor time, in a run that is some batches old."""
    found = Steps([], [])
    with Program([*PROGRAM], columns, rows) as program:
        program.await_text(" 0/157")
        for key in "bbb" + ("o" if keys == _MOVES else ""):  # the first operation is that of a new batch
            program.type(key)
            program.await_quiet()
        for key in keys:
            before = program.cpu
            program.type(key)
            found.written.append(program.await_quiet())
            found.taken.append(program.cpu - before)
    return found


def _bytes(size: tuple[int, int], keys: str) -> Callable[[], Reading]:
    def measure() -> Reading:
        written = steps(*size, keys).written
        return Reading(max(written) / 1000, f"median {statistics.median(written) / 1000:.1f} KB")

    return measure


def _cpu(size: tuple[int, int], keys: str) -> Callable[[], Reading]:
    def measure() -> Reading:
        taken = steps(*size, keys).taken
        return Reading(1000 * statistics.median(taken), f"at most {1000 * max(taken):.0f} ms")

    return measure


# ── growth ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_MODELS = """
import torch
from torch import nn

def trained(model, inputs):
    loader = [(inputs, torch.arange(len(inputs)) % 4)] * 50
    return model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.1), loader

def deep(layers):
    parts = (part for _ in range(layers) for part in (nn.Linear(8, 8), nn.ReLU()))
    return trained(nn.Sequential(*parts), torch.ones(4, 8))

def nodes_10():
    return deep(2)

def nodes_100():
    return deep(25)

def nodes_1000():
    return deep(250)

def values_100():
    return trained(nn.Linear(10, 4), torch.rand(10, 10))

def values_78400000():
    return trained(nn.Linear(784, 4), torch.rand(100_000, 784))
"""


@contextmanager
def _opened(function: str, size: tuple[int, int]) -> Iterator[Program]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "models.py")
        script.write_text(_MODELS, encoding="utf-8")
        with Program([*PROGRAM, "run", f"{script}:{function}"], *size) as program:
            program.await_text(" 0/50")
            yield program


def _growth(small: str, large: str, prepare: str, keys: str, size: tuple[int, int] = (80, 24)) -> Callable[[], Reading]:
    """The screen's processor time with a large thing over that with a small one, key by key in turn."""

    def measure() -> Reading:
        with _opened(small, size) as one, _opened(large, size) as other:
            for program in (one, other):
                for text in ("b", *filter(None, prepare.split("|"))):
                    program.type(text)
                    program.await_frame()
            taken: tuple[list[float], list[float]] = ([], [])
            for at in range(_PAIRS):
                for program, times in zip((one, other), taken, strict=True):
                    before = program.cpu
                    program.type(keys.split("|")[at % 2])
                    program.await_frame()
                    times.append(program.cpu - before)
        low, high = (statistics.median(times) for times in taken)
        return Reading(high / low, f"{1000 * low:.1f} and {1000 * high:.1f} ms a step")

    return measure


def _curves(points: int, position: int) -> LossView:
    """A loss curve of so many batches, as the engine sends it for a pane of this width."""
    values = 2.0 / (1.0 + np.arange(points) / points) + np.sin(np.arange(points)) / 10
    window, columns = window_of(points), 120
    means = smoothed("loss", values, columns, window)
    train = decimate("loss", values, columns)
    return LossView(train, points, [0], [2.3], [0.1], smooth=means, window=window, last=points, position=position)


class _Still:
    """A run that stands still."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def obey(self, request: Do) -> Answer:
        return Answer(request.id, request.text, self._snapshot.position)

    def see(self, look: Look) -> Snapshot:
        return self._snapshot

    def arrange(self, layout: dict[str, Any]) -> None: ...


async def _frames(shown: list[Snapshot]) -> float:
    """Processor time of painting snapshots one after another, the first not counted."""
    with tempfile.TemporaryDirectory() as state:
        app = NNWalkApp(Local(_Still(shown[0])), state=Path(state))
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            before = time.process_time()
            for each in shown:
                app.talk.hear(Frame(each))
                await pilot.pause()
            return time.process_time() - before


def _points() -> Reading:
    session = open_experiment(Experiment())
    session.do("step batch 3")
    base = session.viewer.see(Look(["graph", "layers", "gradients", "here", "curves", "batch", "tape"]))
    runs = [
        [msgspec.structs.replace(base, curves=_curves(points, points - 40 + at)) for at in range(40)]
        for points in (100, 1_000_000)
    ]
    low, high = zip(*((asyncio.run(_frames(few)), asyncio.run(_frames(many))) for few, many in [runs] * 5), strict=True)
    ratio = statistics.median(many / few for few, many in zip(low, high, strict=True))
    return Reading(ratio, f"{1000 * statistics.median(low) / 40:.1f} ms a frame with 100")


# ── a slow line ───────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _slow_line() -> tuple[float, float]:
    """The longest wait for a key's effect, and for the end after q, while training runs."""
    with Program([*PROGRAM, "mlp", "--epochs", "500"], 120, 40, link=_SLOW) as program:
        program.await_text(" 0/157")
        program.type(" ")
        program.await_text("running")
        waits = []
        for key, shown in (("]", "unit layer"), ("[", "unit op"), ("]", "unit layer"), ("[", "unit op")):
            begun = time.perf_counter()
            program.type(key)
            program.await_text(shown)
            waits.append(time.perf_counter() - begun)
            program.read(0.7)
        program.type("q")
        return max(waits), program.await_end()


def _rows() -> Iterator[Benchmark]:
    for size, most in zip(SIZES, (3, 8, 30), strict=True):
        name = "{}x{}".format(*size)
        shown = name.replace("x", "×")
        what = f"most that one cursor move in a batch writes at {shown}"
        yield Benchmark(f"move-bytes-{name}", what, most, _bytes(size, _MOVES), unit="KB")
    for size in SIZES:
        name = "{}x{}".format(*size)
        what = f"the screen's processor time of a cursor move at {name.replace('x', '×')}"
        yield Benchmark(f"move-cpu-{name}", what, 30, _cpu(size, _MOVES), unit="ms")
    for size in SIZES:
        name = "{}x{}".format(*size)
        what = f"the screen's processor time of a new batch at {name.replace('x', '×')}"
        yield Benchmark(f"batch-cpu-{name}", what, 75, _cpu(size, _BATCHES), unit="ms")


BENCHMARKS = (
    *_rows(),
    Benchmark("bytes-240x78", "most that one batch step writes at 240×78", 70, _bytes(SIZES[-1], _BATCHES), unit="KB"),
    Benchmark(
        "grow-nodes",
        "the screen's time of a step, 1,000 graph nodes against 10",
        1.1,
        _growth("nodes_10", "nodes_1000", "", "o|O"),
    ),
    Benchmark(
        "grow-nodes-120x40",
        "the same at 120×40, 1,000 graph nodes against 100, which fill the panes",
        1.1,
        _growth("nodes_100", "nodes_1000", "", "o|O", (120, 40)),
    ),
    Benchmark(
        "grow-values",
        "the screen's time of a scroll in a tensor, 100,000×784 against 10×10",
        1.1,
        _growth("values_100", "values_78400000", ":inspect A[0]\r|\r\x1b[6~", "\x1b[6~|\x1b[5~"),
    ),
    Benchmark("grow-points", "the screen's time of a frame, 1,000,000 plotted points against 100", 1.1, _points),
    Benchmark(
        "slow-key",
        "a key answered while training runs over a line of 50 KB/s, the longest of four",
        1,
        lambda: Reading(_slow_line()[0]),
        unit="s",
    ),
    Benchmark(
        "slow-quit",
        "q ends the program while training runs over a line of 50 KB/s",
        2,
        lambda: Reading(_slow_line()[1]),
        unit="s",
    ),
)
