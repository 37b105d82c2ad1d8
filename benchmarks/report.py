"""The readings as docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from benchmarks.harness import Benchmark, Reading

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

_HOW = """\
# Benchmarks

`make bench` measures all of this and writes this page; `make bench ARGS="cursor-move back-state"` measures some and
only prints them.

{table}

Measured on {machine}.

## How it is measured

- Ratios are taken within one run: the two sides take turns (A B A B …), and the median of the pairs' ratios counts, so
  that what else the machine does slows both alike.
- Recording and jumps are compared by processor time: both sides compute on one thread and wait for nothing.
- Before each, 2 GB of memory are written to and given back: on a virtual machine the first touch of a page may cost ten
  times a later one, and what happened to be touched would decide.
- The plain loop is what anyone would write: 784-128-64-10 as an `nn.Sequential`, cross-entropy, batch 64, one thread,
  batches made by indexing tensors, `loss.item()` after each.
- A run has no validation, as the plain loop has none: on screen, the data set is the bundled one with 10 validation
  examples.
- What concerns the terminal drives the real program in a truecolour pseudo-terminal and reads its screen: start-up at
  80×24, runs and keys at 120×40. A run's rate is that at which the batch in the header advances.
- A key is answered when the first output that shows its effect has arrived: another unit, help and back, zoom and back,
  pause and on.
- A cursor move is `step op` or `back op` in a batch that was just recorded, the views of the panes, and their encoding.
- Back one batch walks 40 batches back from four places of a run of 2,000; the state is every parameter and buffer.
- The memory of a history is the growth of the resident memory of a process that does nothing else.
"""


def shown(benchmark: Benchmark, reading: Reading) -> str:
    """The value with its unit; a dash where there is none."""
    return "–" if reading.value is None else f"{reading.value:.2f} {benchmark.unit}"


def write(taken: list[tuple[Benchmark, Reading]]) -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(_HOW.format(table=_table(taken), machine=_machine()), encoding="utf-8")


def _table(taken: list[tuple[Benchmark, Reading]]) -> str:
    head = "| name | what | measured | limit | verdict |\n|---|---|---:|---:|---|\n"
    return head + "\n".join(_row(benchmark, reading) for benchmark, reading in taken)


def _row(benchmark: Benchmark, reading: Reading) -> str:
    verdict = f"{benchmark.verdict(reading)}{f' ({reading.note})' if reading.note else ''}"
    return f"| {benchmark.name} | {benchmark.what} | {shown(benchmark, reading)} | {benchmark.bound()} | {verdict} |"


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores of a shared {platform.machine()} machine with {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__.partition('+')[0]} on the CPU"
    )
