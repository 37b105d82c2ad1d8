"""What a plotted expression was in the batches before it was asked for: found by going through them again."""

from __future__ import annotations

from typing import NamedTuple

from engine.cursor import Cursor
from engine.panes.plots import Plots


class Past(NamedTuple):
    """Of how many batches a number is known now, of how many that have run, and whether it was interrupted."""

    known: int
    batches: int
    interrupted: bool


def compute_past(cursor: Cursor, plots: Plots, text: str) -> Past:
    """Go through the batches of the cursor's branch in which a plotted expression is not known; the cursor stays.

    What the live model tells costs a plain batch, values of a forward pass a recorded one.
    """
    timeline, begin, event = cursor.timeline, cursor.iteration, cursor.event
    batches = range(1, len(timeline.series) + 1)
    missing = [batch for batch in batches if timeline.plotted.at(text, batch) is None]
    interrupted = False
    try:
        for done, batch in enumerate(missing):
            cursor.progress("plotting", done, len(missing))
            interrupted = cursor.interrupted() or not timeline.go(batch, cursor.interrupted)
            if interrupted:
                break
            if timeline.plotted.at(text, batch) is None:
                cursor.stand(batch, None)
                plots.note_here(cursor.moment)
    finally:
        cursor.stand(begin, event)
    known = sum(timeline.plotted.at(text, batch) is not None for batch in batches)
    return Past(known, len(batches), interrupted)
