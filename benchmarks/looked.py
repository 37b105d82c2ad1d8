"""What it costs that a pane is looked at: of a free run, and of a move of its own."""

from __future__ import annotations

import statistics
import time
from functools import partial

from benchmarks.harness import Benchmark, Reading, cpu_seconds
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.panes.slide import slide_view
from engine.protocol.messages import BoundaryLook, Look, SlideLook

_FRAME_EVERY = 0.1  # seconds, as the engine's process sends them
_BATCHES = 800
_ROWS, _COLUMNS = 50, 100  # cells of the map


def _boundary() -> Reading:
    """A run's processor time over that without its maps: taken within one run, whose frames are as on a screen."""
    session = open_experiment(Experiment(data="spiral", epochs=1000))
    session.trainer.at_work.have_process()
    look = Look(["boundary"], boundary=BoundaryLook(_ROWS, _COLUMNS))
    spent: list[float] = []
    last = 0.0

    def between() -> bool:
        nonlocal last
        if time.monotonic() - last < _FRAME_EVERY:
            return False
        if session.timeline.held_tape(session.iteration) is None:
            return True
        spent.append(cpu_seconds(lambda: session.viewer.see(look)))
        last = time.monotonic()
        return False

    session.on_batch = between
    session.run(100)
    spent.clear()
    whole = cpu_seconds(lambda: session.run(_BATCHES))
    return Reading(whole / (whole - sum(spent)), f"{_COLUMNS}×{_ROWS} cells, in {len(spent)} frames over points")


def _slide() -> Reading:
    """One cell further in the second convolution, the slower one: it sums over eight channels."""
    session = open_experiment(Experiment(model="convnet", train_size=200))
    session.step()
    moment, taken = session.moment, []
    for cell in range(14 * 14):
        look = SlideLook(2, 3, 2, 1 + cell // 14, 1 + cell % 14)
        taken.append(cpu_seconds(partial(slide_view, moment, look, 1)))
    return Reading(1000 * statistics.median(taken), f"at most {1000 * max(taken):.1f} ms, of {len(taken)} cells")


BENCHMARKS = (
    Benchmark("boundary-run", "a run whose boundary pane is looked at, over it without the maps", 1.05, _boundary),
    Benchmark("slide-move", "the engine's time of a move in a kernel's slide, 16×8×3×3", 1, _slide, unit="ms"),
)
