"""Runs that stop where a condition comes true, forward and in reverse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from engine.errors import CommandError
from engine.lookup.live import LiveValues
from engine.lookup.scalars import scalars_at
from engine.lookup.values import Values
from engine.protocol.replies import Hit
from engine.watching.watches import Condition, Found, hit_at

if TYPE_CHECKING:
    from engine.session import Session


class Lookout:
    """Checks conditions after each batch of a free run, paying only for what they ask about."""

    def __init__(self, session: Session, conditions: Sequence[Condition]) -> None:
        self._session = session
        self._conditions = conditions
        self._before: dict[str, Tensor] = {}
        self._live = LiveValues(session, self._before)
        self.needs_tape = any(condition.needs_tape for condition in conditions)
        self._copied = {name for condition in conditions for name in condition.parameters}
        self._named = dict(session.trainer.model.named_parameters())

    def before_batch(self) -> None:
        """Copy what a condition compares with."""
        for name in self._copied:
            self._before[name] = self._named[name].detach().clone()

    def candidates(self) -> list[Condition]:
        """The conditions that may have come true in the batch that the trainer has just done."""
        if not self._conditions:
            return []
        template = self._session.replay.any_tape()
        values: Values = self._session.values() if self.needs_tape else self._live
        altered = self._is_altered()
        return [
            condition
            for condition in self._conditions
            if (altered and condition.reads_parameters) or condition.may_hold(values, template)
        ]

    def _is_altered(self) -> bool:
        """Whether the parameters are not those that the batch's update made: an edit, or an audit, came after it."""
        replay, iteration = self._session.replay, self._session.trainer.iteration
        return replay.audit or any(edit.iteration == iteration for edit in replay.edits)


def forward(session: Session, conditions: Sequence[Condition], target: int) -> Hit | None:
    """Train to the end of a batch; what comes true in the rest of the cursor's batch, or after it, stops there."""
    if session.event is not None and (hit := first_hit(session, conditions, session.event)):
        return hit
    if not session.catch_up():
        return None
    replay, interrupted = session.replay, session.interrupted
    lookout, record_next = Lookout(session, conditions), False
    with session.trainer.at_work:
        while session.iteration < target and not interrupted():
            lookout.before_batch()
            if record_next or lookout.needs_tape:
                replay.record_batch()
            else:
                replay.train_batch()
            session.stand(session.trainer.iteration, None)
            candidates = lookout.candidates()
            if candidates and (hit := first_hit(session, candidates)):
                return hit
            record_next = session.on_batch()
    return None


def first_hit(session: Session, conditions: Sequence[Condition], after: int = 0) -> Hit | None:
    """The first event after one, in the cursor's batch, at which a condition is true; the cursor moves there."""
    found = [f for f in (_found(session, condition, after) for condition in conditions) if f]
    return _stand(session, min(found, key=lambda f: f.stop)) if found else None


def last_hit(session: Session, conditions: Sequence[Condition], before: int) -> Hit | None:
    """The last place in the cursor's batch, before that event, at which a condition is true; the cursor moves there."""
    tape = session.tape()
    if tape is None:
        return None
    places = [
        place
        for condition in conditions
        for place in condition.places(session.values(), tape, 0)
        if place.stop < before
    ]
    return _stand(session, max(places, key=lambda f: f.stop)) if places else None


def _found(session: Session, condition: Condition, after: int) -> Found | None:
    tape = session.tape()
    return None if tape is None else next(iter(condition.places(session.values(), tape, after)), None)


def _stand(session: Session, found: Found) -> Hit:
    tape = session.tape()
    assert tape is not None
    session.stand(session.iteration, None if found.stop >= len(tape) else found.stop)
    return hit_at(session, found)


def reverse(session: Session, conditions: Sequence[Condition]) -> Hit | None:
    """Go to the latest earlier position at which a condition is true; to the start where there is none.

    A stretch between two checkpoints is replayed at a time, the latest first. Where interrupted, the cursor stays.
    """
    if not conditions:
        raise CommandError("there is nothing to go back to", "use: reverse-run until EXPR, or set a watch first")
    begin, event = session.iteration, session.event
    if begin and (hit := _within(session, conditions)):
        return hit
    for iteration in _backwards(session, conditions, begin - 1):
        session.stand(iteration, None)
        if hit := last_hit(session, conditions, len(session.tape() or ()) + 1):
            return hit
        if session.interrupted():
            break
    interrupted = session.interrupted()
    session.stand(*((begin, event) if interrupted else (0, None)))
    return None


def _within(session: Session, conditions: Sequence[Condition]) -> Hit | None:
    """A hit before the cursor, in its own batch."""
    tape = session.tape()
    if tape is None:
        return None
    return last_hit(session, conditions, len(tape) if session.event is None else session.event)


def _backwards(session: Session, conditions: Sequence[Condition], last: int) -> Iterator[int]:
    """The batches, from `last` down, in which a condition may have come true."""
    if all(condition.on_scalars for condition in conditions):
        for iteration in range(last, 0, -1):
            scalars = Scalars(session, iteration)
            if any(condition.may_hold(scalars, None) for condition in conditions):
                yield iteration
        return
    upper, total = last, max(1, last)
    for start in sorted((i for i in session.replay.history.iterations() if i < last), reverse=True):
        session.progress("searching", total - upper, total)
        if session.interrupted():
            return
        yield from reversed(_scan(session, conditions, start, upper))
        upper = start


def _scan(session: Session, conditions: Sequence[Condition], start: int, stop: int) -> list[int]:
    """The batches after `start`, up to `stop`, in which a condition may have come true."""
    replay, found = session.replay, []
    lookout = Lookout(session, conditions)
    if not replay.go(start, session.interrupted):
        return []
    with session.trainer.at_work:
        for iteration in range(start + 1, stop + 1):
            if session.interrupted():
                return []
            lookout.before_batch()
            if lookout.needs_tape:
                replay.record_batch()
            else:
                replay.train_batch()
            session.stand(iteration, None)
            if lookout.candidates():
                found.append(iteration)
    return found


class Scalars(Values):
    """The plain numbers at the end of a batch that has run, and nothing else."""

    def __init__(self, session: Session, iteration: int) -> None:
        live = LiveValues(session, {})
        self.__dict__.update(live.__dict__)
        self.scalars = scalars_at(session, iteration)
