"""Where on the tape a factor of a derivation is computed: there a learner's wrong formula can be looked into."""

from __future__ import annotations

import re

from engine.course.formula import MEAN
from engine.lookup.moment import Moment
from engine.protocol.positions import Phase
from engine.tape.tape import Tape

_LAST = re.compile(r"([ZAWb])\[(\d+)\](?!.*\[)")


def place_of_factor(moment: Moment, factor: str) -> str:
    """What `goto` takes to the event of the cursor's batch that computes a factor; "" where none does.

    ∂_Z[1] and ∂ℒ/∂W[1] are made there, ∂A[1]/∂Z[1] and ∂Z[1]/∂W[1] used. The machine divides by N where it comes back
    from the loss, once for all.
    """
    tape, here = moment.tape, moment.position
    event = 0 if tape is None else _event_of(moment, tape, factor)
    return f"{here.epoch}:{here.batch}:{event}" if event else ""


def _event_of(moment: Moment, tape: Tape, factor: str) -> int:
    if factor == MEAN:
        return next((each.number for each in tape.events if each.phase is Phase.BACKWARD), 0)
    found = _LAST.search(factor)
    if found is None:
        return 0
    name = found.group()
    parameter = moment.naming.full_name.get(name)
    if parameter is not None:
        return (tape.gradient(parameter) or (None, 0))[1]
    value = tape.values.get(name)
    return value.gradient_event if value is not None else 0
