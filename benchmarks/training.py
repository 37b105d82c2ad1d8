"""Throughput of a run, headless and with the screen attached."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.digits import without_validation
from benchmarks.harness import Benchmark, Reading, ratio, ratio_of, seconds
from benchmarks.subjects import BATCHES, PlainLoop, session
from benchmarks.terminal import PROGRAM, Program, iterations

_WINDOW = 1.2  # seconds of a run on screen that its rate is taken over
_CHUNK = 400  # batches a turn


def _headless() -> Reading:
    run, plain = session(), PlainLoop()
    return Reading(1 / ratio(lambda: run.run(_CHUNK), lambda: plain.train(_CHUNK), pairs=20))


def _with_history() -> Reading:
    kept, bare = session(optimizer="Adam"), session(optimizer="Adam", history_bytes=0)
    return Reading(ratio(lambda: kept.run(BATCHES), lambda: bare.run(BATCHES), pairs=30))


def _with_screen() -> Reading:
    plain = PlainLoop()
    plain.train(_CHUNK)
    with tempfile.TemporaryDirectory() as folder:
        without_validation(Path(folder))
        options = ("mlp", "--layers", "784-128-64-10", "--data", folder, "--epochs", "500")
        with Program([*PROGRAM, *options], 120, 40) as program:
            program.await_text(" 0/157")
            taken = [(_screen_rate(program), _plain_rate(plain)) for _ in range(7)][1:]
    return Reading(ratio_of(taken), f"{taken[0][1]:.0f} batches a second without a screen")


def _screen_rate(program: Program) -> float:
    """Batches a second, of a run of `_WINDOW` seconds, as the header counts them."""
    begun = len(program.chunks)
    program.type(" ")
    program.read(_WINDOW)
    program.type(" ")
    program.await_quiet()
    seen = list(iterations(program, begun))
    moving = [pair for i, pair in enumerate(seen) if i > 0 and pair[1] > seen[i - 1][1]][1:-1]
    (first_time, first), (last_time, last) = moving[0], moving[-1]
    return (last - first) / (last_time - first_time)


def _plain_rate(plain: PlainLoop) -> float:
    batches = 4 * _CHUNK
    return batches / seconds(lambda: plain.train(batches))


BENCHMARKS = (
    Benchmark("run-screen", "`run` on screen: throughput, over the plain loop's", 0.92, _with_screen, at_least=True),
    Benchmark(
        "run-headless", "`run` without a screen: throughput, over the plain loop's", 0.98, _headless, at_least=True
    ),
    Benchmark("run-history", "`run` with history on (Adam), over one without", 1.05, _with_history),
)
