"""How a benchmark is declared, timed and judged.

A ratio is the median over pairs: both sides take turns (A B A B …), so that what else the machine does slows both
alike.
"""

from __future__ import annotations

import mmap
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Reading(NamedTuple):
    """What a benchmark came to; `value` is None where it could not be measured, and `note` then says why."""

    value: float | None
    note: str = ""


class Benchmark(NamedTuple):
    """A row of the table. `limit` is the most that `value` may be, or with `at_least` the least; None sets no limit."""

    name: str
    what: str
    limit: float | None
    measure: Callable[[], Reading]
    unit: str = "×"
    at_least: bool = False

    def verdict(self, reading: Reading) -> str:
        """ "ok", "short" (of what is asked), or "–" where there is nothing to compare."""
        if reading.value is None or self.limit is None:
            return "–"
        met = reading.value >= self.limit if self.at_least else reading.value <= self.limit
        return "ok" if met else "short"

    def bound(self) -> str:
        """The limit with its direction and unit."""
        return "–" if self.limit is None else f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}"


def touch_memory(size: int = 2 * 2**30) -> None:
    """Write to so many bytes, and give them back: on a virtual machine the first touch of a page costs most."""
    pages = np.zeros(size, np.uint8)
    pages[:: mmap.PAGESIZE] = 1


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def cpu_seconds(work: Callable[[], object]) -> float:
    """How long the processor takes for `work`, whatever else the machine does meanwhile; of all threads together."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def ratio(
    subject: Callable[[], object],
    baseline: Callable[[], object],
    pairs: int,
    warm_up: int = 2,
    clock: Callable[[Callable[[], object]], float] = seconds,
) -> float:
    """Time of `subject` over time of `baseline`: the median over pairs, after `warm_up` pairs that do not count."""
    taken = [(clock(subject), clock(baseline)) for _ in range(pairs + warm_up)][warm_up:]
    return ratio_of(taken)


def ratio_of(taken: list[tuple[float, float]]) -> float:
    """The median of the pairs' ratios."""
    return statistics.median(ours / theirs for ours, theirs in taken)


def percentile_95(values: list[float]) -> float:
    """The value that 95 in 100 do not exceed (the nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-95 * len(ranked) // 100) - 1)]
