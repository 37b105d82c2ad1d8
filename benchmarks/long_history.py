"""8,000 batches of 784-128-64-10 with Adam, and random jumps among them; prints JSON.

Run in a process of its own, so that the growth of its resident memory is the history's.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
from pathlib import Path

from benchmarks.harness import cpu_seconds, percentile_95
from benchmarks.subjects import PlainLoop, session
from engine import Session

_BATCHES = 8000
_JUMPS = 80
_MEGABYTE = 2**20


def main() -> None:
    """Measure, and print megabytes, accounted, jump and jump_median."""
    run, plain = session(optimizer="Adam", epochs=100), PlainLoop(optimizer="Adam")
    plain.train(100)
    run.step()
    before = _resident()
    run.run(_BATCHES - 1)
    choice = random.Random(0)
    pairs = [(cpu_seconds(lambda: _jump(run, choice)), cpu_seconds(lambda: plain.train(5)) / 5) for _ in range(_JUMPS)]
    batch = statistics.median(plain for _, plain in pairs)
    jumps = [jump / batch for jump, _ in pairs]
    found = {
        "megabytes": (_resident() - before) / _MEGABYTE,
        "accounted": run.timeline.history.bytes / _MEGABYTE,
        "jump": percentile_95(jumps),
        "jump_median": statistics.median(jumps),
    }
    print(json.dumps(found))


def _jump(run: Session, choice: random.Random) -> None:
    place = choice.randrange(_BATCHES)
    run.goto(f"{place // run.batches + 1}:{place % run.batches + 1}")
    run.values().tensors()


def _resident() -> float:
    """Resident memory, in bytes."""
    status = Path("/proc/self/statm")
    if status.exists():  # the peak that getrusage knows is, on Linux, also that of the process this one came from
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
