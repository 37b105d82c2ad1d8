"""`python -m benchmarks [NAME …]`: measures, prints a line each, and keeps them in docs/benchmarks.md."""

from __future__ import annotations

import os
import sys
import tempfile

from benchmarks import calls, history, looked, panes, report, screen, startup, training, watching
from benchmarks.harness import Benchmark, Reading, touch_memory

BENCHMARKS: tuple[Benchmark, ...] = (
    *startup.BENCHMARKS,
    *training.BENCHMARKS,
    *screen.BENCHMARKS,
    *panes.BENCHMARKS,
    *calls.BENCHMARKS,
    *looked.BENCHMARKS,
    *history.BENCHMARKS,
    *watching.BENCHMARKS,
)


def main() -> int:
    """Measure what is named, or everything; 1 where something is short of its limit, 2 for an unknown name."""
    names = sys.argv[1:]
    unknown = [name for name in names if name not in {benchmark.name for benchmark in BENCHMARKS}]
    if unknown:
        print(f"there is no benchmark {unknown[0]}; there are:", *(benchmark.name for benchmark in BENCHMARKS))
        return 2
    with tempfile.TemporaryDirectory() as home:  # nobody's layout and settings are measured
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = home
        taken = [_measured(benchmark) for benchmark in BENCHMARKS if not names or benchmark.name in names]
    if not names:
        report.write(taken)
    return int(any(benchmark.verdict(reading) == "short" for benchmark, reading in taken))


def _measured(benchmark: Benchmark) -> tuple[Benchmark, Reading]:
    touch_memory()
    try:
        reading = benchmark.measure()
    except Exception as error:  # one that fails must not cost the others
        reading = Reading(None, f"not measured: {type(error).__name__}: {error}".splitlines()[0])
    value = report.shown(benchmark, reading)
    print(
        f"{benchmark.name:20}{value:>12}{benchmark.bound():>12}  {benchmark.verdict(reading):6} {reading.note}".rstrip()
    )
    sys.stdout.flush()
    return benchmark, reading


if __name__ == "__main__":
    sys.exit(main())
