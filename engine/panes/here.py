"""The event under the cursor: its rule, the other direction's, and one value worked out.

A rule that does not give what the tape holds is not shown.
"""

from __future__ import annotations

from engine.lookup.moment import Moment
from engine.panes.equations import rules, title
from engine.panes.worked import worked
from engine.protocol.views import Here
from engine.tape.tape import Tape


def here_view(moment: Moment, picked: tuple[int, int]) -> Here | None:
    """What the cursor's event computes; None before training."""
    tape = moment.tape
    if tape is None:
        return None
    number, (row, neuron) = moment.done, picked
    return tape.once(f"here {number} {row} {neuron}", lambda: _view(moment, tape, number, picked))


def _view(moment: Moment, tape: Tape, number: int, picked: tuple[int, int]) -> Here:
    event = tape.events[number - 1]
    numbers = worked(moment, tape, event, picked)
    rule, other_title, other = rules(moment, tape, event, plain=not numbers.agrees)
    return Here(
        number,
        len(tape),
        event.phase,
        event.op.name,
        event.layer,
        event.path,
        event.source,
        title(moment.naming, tape, event),
        rule,
        other_title,
        other,
        numbers.lines,
    )
