"""The event under the cursor: its rule, the other direction's, and one value worked out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.panes.equations import rules, title
from engine.panes.worked import worked
from engine.protocol.views import Here

if TYPE_CHECKING:
    from engine.session import Session


def here_view(session: Session) -> Here | None:
    """What the cursor's event computes; None before training."""
    tape = session.tape()
    if tape is None:
        return None
    number = len(tape) if session.event is None else session.event
    event = tape.events[number - 1]
    rule, other_title, other = rules(session, tape, event)
    return Here(
        number,
        len(tape),
        event.phase,
        event.op.name,
        event.layer,
        event.path,
        event.source,
        title(session, event),
        rule,
        other_title,
        other,
        worked(session, tape, event),
    )
