"""What it costs a free run that one of its panes is looked at."""

from __future__ import annotations

import time

from benchmarks.harness import Benchmark, Reading, cpu_seconds, ratio
from engine.experiments.experiment import Experiment
from engine.launch import open_experiment
from engine.protocol.messages import BoundaryLook, Look
from engine.session import Session

_FRAME_EVERY = 0.1  # seconds, as the engine's process sends them
_BATCHES = 300  # a turn
_ROWS, _COLUMNS = 50, 100  # cells of the map


def _watched(look: Look) -> Session:
    """A run over points of the plane of which a frame is made as often as on a screen."""
    session = open_experiment(Experiment(data="spiral", epochs=100_000))
    session.trainer.at_work.have_process()
    last = 0.0

    def between() -> bool:
        nonlocal last
        if time.monotonic() - last < _FRAME_EVERY:
            return False
        if session.timeline.held_tape(session.iteration) is None:
            return True
        session.viewer.see(look)
        last = time.monotonic()
        return False

    session.on_batch = between
    return session


def _boundary() -> Reading:
    looked = _watched(Look(["curves", "boundary"], boundary=BoundaryLook(_ROWS, _COLUMNS)))
    other = _watched(Look(["curves"]))
    taken = ratio(lambda: looked.run(_BATCHES), lambda: other.run(_BATCHES), pairs=12, clock=cpu_seconds)
    return Reading(taken, f"{_COLUMNS}×{_ROWS} cells, of a run over points")


BENCHMARKS = (Benchmark("boundary-run", "a run whose boundary pane is looked at, over one without", 1.05, _boundary),)
