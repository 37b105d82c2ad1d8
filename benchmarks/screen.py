"""What a step writes to the terminal, and how soon a key is answered while training runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.harness import Benchmark, Reading, percentile_95
from benchmarks.terminal import PROGRAM, Program, screens

_STEPS = 15
_ROUNDS = 6

Lines = list[str]


def _bytes_at(columns: int, rows: int) -> Callable[[], Reading]:
    return lambda: _step_bytes(columns, rows)


def _step_bytes(columns: int, rows: int) -> Reading:
    """The most KB (1,000 bytes) that a step of a batch wrote, of `_STEPS` after the first."""
    with Program([*PROGRAM], columns, rows) as program:
        program.await_text(" 0/157")
        program.type("b")
        program.await_text(" 1/157")
        program.await_quiet()
        written = []
        for _ in range(_STEPS):
            program.type("b")
            written.append(program.await_quiet())
    return Reading(max(written) / 1000, f"median {sorted(written)[_STEPS // 2] / 1000:.1f} KB")


def _has(text: str) -> Callable[[Lines], bool]:
    return lambda lines: any(text in line for line in lines)


def _lacks(text: str) -> Callable[[Lines], bool]:
    return lambda lines: not _has(text)(lines)


# key, and what is on the screen once it is answered; the last two stop the run and start it again
_KEYS: tuple[tuple[str, Callable[[Lines], bool]], ...] = (
    ("]", _has("unit layer")),
    ("[", _has("unit op")),
    ("?", _has("esc back")),
    ("\x1b", _lacks("esc back")),
    ("z", _lacks("here")),
    ("z", _has("here")),
    (" ", _lacks("running")),
    (" ", _has("running")),
)


def _key_latency() -> Reading:
    delays: list[float] = []
    pressed: list[tuple[float, int, Callable[[Lines], bool]]] = []
    with Program([*PROGRAM, "mlp", "--layers", "784-128-64-10", "--epochs", "500"], 120, 40) as program:
        program.await_text(" 0/157")
        program.type(" ")
        program.read(1.0)
        for key, answered in _KEYS * _ROUNDS:
            pressed.append((time.perf_counter(), len(program.chunks), answered))
            program.type(key)
            program.read(0.3)
        shown = list(screens(program))
    for moment, first, answered in pressed:
        delays.append(next((at - moment for at, lines in shown[first:] if answered(lines)), float("inf")))
    median = sorted(delays)[len(delays) // 2]
    return Reading(1000 * percentile_95(delays), f"median {1000 * median:.0f} ms, of {len(delays)} keys")


BENCHMARKS = (
    Benchmark("bytes-80x24", "most that one batch step writes at 80×24", 6, _bytes_at(80, 24), unit="KB"),
    Benchmark("bytes-120x40", "most that one batch step writes at 120×40", 16, _bytes_at(120, 40), unit="KB"),
    Benchmark(
        "key-latency", "a key answered on screen while training runs, 95th percentile", 100, _key_latency, unit="ms"
    ),
)
