"""Where in a small run an expression is true, found in the plainest way: what watches and searches are held to."""

from __future__ import annotations

from typing import Any

from engine.errors import NotComputedYetError
from engine.protocol.positions import Unit
from engine.session import Session
from engine.watching.watches import Condition
from tests.support.conditions import SCALARS
from tests.support.sessions import small

Place = tuple[int, int]  # batch over all epochs, events done


class Scanned:
    """The places of a small run at which an expression is true, found in the plainest way: one step after another."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        self.session = small(**changes)
        self.found: dict[str, list[Place]] = {}
        self.events = 0

    def __repr__(self) -> str:
        return "Scanned()"

    def places(self, expression: str) -> list[Place]:
        """Where it is true and was not one event before; a scalar's condition counts at the end of its batch."""
        if expression not in self.found:
            self.scan([expression])
        return self.found[expression]

    def scan(self, expressions: list[str]) -> None:
        """Step once through the whole run, and look at each place whether each is true."""
        session = self.session
        session.goto("start")
        looks = [Look(expression, Condition(expression, session.values())) for expression in expressions]
        while session.iteration < session.total or session.event is not None:
            before = session.finished
            session.step(Unit.OP)
            tape = session.tape()
            assert tape is not None
            self.events = len(tape)
            first = before != session.finished - (session.event is None) or session.event == 1
            for look in looks:
                look.at(session, (session.iteration, session.event or self.events), first)
        self.found |= {look.expression: look.found for look in looks}


class Look:
    """One expression on the way through a run."""

    def __init__(self, expression: str, condition: Condition) -> None:
        self.expression, self.condition = expression, condition
        self.at_place = any(word in expression for word in ("phase", "op ==", "layer", "event ==", "path"))
        self.held = False
        self.found: list[Place] = []

    def at(self, session: Session, place: Place, first: bool) -> None:
        """Whether it is true where the session stands, the first event of a batch or a later one."""
        held = self.held and not first
        try:
            self.held = self.condition.holds(session.values())
        except NotComputedYetError:
            self.held = False
        if self.expression in SCALARS:
            if self.held and session.event is None:
                self.found.append(place)
        elif self.held and (self.at_place or not held):
            self.found.append(place)


def place_of(session: Session, events: int) -> Place:
    return session.iteration, events if session.event is None else session.event


def stand(session: Session, place: Place) -> None:
    iteration, event = place
    epoch, batch = session.calendar.place(iteration)
    session.goto(f"{epoch}:{batch}:{event}" if event else f"{epoch}:{batch}")
