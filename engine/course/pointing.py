"""Where on the tape a factor of a derivation is computed: there a learner's wrong formula can be looked into."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.session import Session

_LAST = re.compile(r"([ZAWb])\[(\d+)\](?!.*\[)")


def place_of_factor(session: Session, factor: str) -> str:
    """What `goto` takes to the event of the cursor's batch that computes a factor; "" where none does.

    ∂_Z[1] and ∂ℒ/∂W[1] are made there, ∂A[1]/∂Z[1] and ∂Z[1]/∂W[1] used.
    """
    found = _LAST.search(factor)
    tape = session.values().tape
    if found is None or tape is None:
        return ""
    name = found.group()
    parameter = session.naming.full_name.get(name)
    if parameter is not None:
        event = tape.parameter_gradients.get(parameter, (None, 0))[1]
    else:
        value = tape.values.get(name)
        event = value.gradient_event if value is not None else 0
    here = session.position
    return f"{here.epoch}:{here.batch}:{event}" if event else ""
