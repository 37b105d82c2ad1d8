"""Runs that stop where a condition comes true, forward and in reverse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

from torch import Tensor

from engine.cursor import Cursor
from engine.errors import CommandError, RunOverError
from engine.lookup.everywhere import anything_bad
from engine.lookup.live import LiveValues
from engine.lookup.scalars import scalars_at
from engine.lookup.values import Values
from engine.statistics import is_bad
from engine.watching.sums import Sums
from engine.watching.watches import Condition, Found


class Lookout:
    """Checks conditions after each batch of a free run, paying only for what they ask about."""

    def __init__(self, cursor: Cursor, conditions: Sequence[Condition]) -> None:
        self._cursor = cursor
        self._conditions = conditions
        self._before: dict[str, Tensor] = {}
        self._live = LiveValues(cursor.timeline, self._before)
        self.needs_tape = any(condition.needs_tape for condition in conditions)
        everywhere = any(condition.looks_everywhere for condition in conditions)
        self._sums = Sums(cursor.trainer.modules) if everywhere else None
        self._live.seen_bad = self._seen_bad if self._sums is not None else None
        self._recorded = self._rang = False
        self.spreads = False  # whether parameters were not finite before the last batch, which then makes nothing of it
        self._copied = {name for condition in conditions for name in condition.parameters}
        self._named = dict(cursor.trainer.modules.named_parameters())

    def __enter__(self) -> Lookout:
        return self

    def __exit__(self, *error: object) -> None:
        if self._sums is not None:
            self._sums.close()

    def run_batch(self, record: bool = False) -> None:
        """Train on a batch, recorded where it shall be or must; what a condition compares with is copied before."""
        for name in self._copied:
            self._before[name] = self._named[name].detach().clone()
        trainer, timeline = self._cursor.trainer, self._cursor.timeline
        self._recorded = record or self.needs_tape
        self.spreads = self._rang and any(is_bad(parameter.detach()) for parameter in self._named.values())
        if self._recorded:
            timeline.record_batch()
        elif self._sums is None:
            timeline.train_batch()
        else:
            trainer.beside = self._sums
            try:
                timeline.train_batch()
            finally:
                trainer.beside = nullcontext()
        self._cursor.stand(trainer.iteration, None)

    def _seen_bad(self) -> bool:
        if self._recorded or self._sums is None:
            self._rang = anything_bad(self._cursor.values())
        else:
            self._rang = not self._sums.all_finite() or self._has_lost_loss()
        return self._rang

    def _has_lost_loss(self) -> bool:
        series, iteration = self._cursor.timeline.series, self._cursor.iteration
        losses = (series.at(name, iteration) for name in self._cursor.timeline.loss_names)
        return any(loss is not None and not math.isfinite(loss) for loss in losses)

    def candidates(self) -> list[Condition]:
        """The conditions that may have come true in the batch that the trainer has just done."""
        if not self._conditions:
            return []
        template = self._cursor.timeline.any_tape()
        values: Values = self._cursor.values() if self.needs_tape else self._live
        altered = self._is_altered()
        return [
            condition
            for condition in self._conditions
            if (altered and condition.reads_parameters) or condition.may_hold(values, template)
        ]

    def acquit(self, candidates: Sequence[Condition]) -> None:
        """They did not come true in the batch. What looked so in it will again: batches are recorded from here on.

        Not where the sums will tell better in the next.
        """
        learns = self._sums is not None and self._sums.learns and not self._recorded
        self.needs_tape |= not learns and any(condition.looks_everywhere for condition in candidates)

    def _is_altered(self) -> bool:
        """Whether the parameters are not those that the batch's update made: an edit, or an audit, came after it."""
        timeline, iteration = self._cursor.timeline, self._cursor.trainer.iteration
        return timeline.audit or any(edit.iteration == iteration for edit in timeline.edits)


def forward(cursor: Cursor, conditions: Sequence[Condition], target: int, on_batch: Callable[[], bool]) -> Found | None:
    """Train to the end of a batch; what comes true in the rest of the cursor's batch, or after it, stops there."""
    if cursor.event is not None and (hit := first_hit(cursor, conditions, cursor.event)):
        return hit
    if not cursor.catch_up():
        return None
    if cursor.timeline.replays_elsewhere and (hit := _through_the_past(cursor, conditions, target)):
        return hit
    interrupted = cursor.interrupted
    record_next = False
    with cursor.trainer.at_work, Lookout(cursor, conditions) as lookout:
        while cursor.iteration < min(target, cursor.total) and not interrupted():
            try:
                lookout.run_batch(record_next)
            except RunOverError:
                return None
            candidates = lookout.candidates()
            if candidates and (hit := first_hit(cursor, candidates)):
                return hit
            lookout.acquit(candidates)
            record_next = on_batch()
    return None


def _through_the_past(cursor: Cursor, conditions: Sequence[Condition], target: int) -> Found | None:
    """Go on to the furthest batch that has run, where the trainer stands; what comes true on the way stops there."""
    begin, end = cursor.iteration, min(target, cursor.timeline.furthest)
    if begin < end and conditions:
        for iteration in _scan(cursor, conditions, begin, end):
            cursor.stand(iteration, None)
            if hit := first_hit(cursor, conditions):
                return hit
    cursor.stand(max(begin, end), None)
    return None


def first_hit(cursor: Cursor, conditions: Sequence[Condition], after: int = 0) -> Found | None:
    """The first event after one, in the cursor's batch, at which a condition is true; the cursor moves there."""
    found = [f for f in (_found(cursor, condition, after) for condition in conditions) if f]
    return _stand(cursor, min(found, key=lambda f: f.stop)) if found else None


def last_hit(cursor: Cursor, conditions: Sequence[Condition], before: int) -> Found | None:
    """The last place in the cursor's batch, before that event, at which a condition is true; the cursor moves there."""
    tape = cursor.tape()
    if tape is None:
        return None
    places = [
        place for condition in conditions for place in condition.places(cursor.values(), tape, 0) if place.stop < before
    ]
    return _stand(cursor, max(places, key=lambda f: f.stop)) if places else None


def _found(cursor: Cursor, condition: Condition, after: int) -> Found | None:
    tape = cursor.tape()
    if tape is None:
        return None
    values = cursor.values()
    return next(iter(condition.places(values, tape, after)), None) or condition.was_so(values, tape, after)


def _stand(cursor: Cursor, found: Found) -> Found:
    tape = cursor.tape()
    assert tape is not None
    cursor.stand(cursor.iteration, None if found.stop >= len(tape) else found.stop)
    return found


def reverse(cursor: Cursor, conditions: Sequence[Condition]) -> Found | None:
    """Go to the latest earlier position at which a condition is true; to the start where there is none.

    A stretch between two checkpoints is replayed at a time, the latest first. Where interrupted, the cursor stays.
    """
    if not conditions:
        raise CommandError("there is nothing to go back to", "use: reverse-run until EXPR, or set a watch first")
    begin, event = cursor.iteration, cursor.event
    if begin and (hit := _within(cursor, conditions)):
        return hit
    for iteration in _backwards(cursor, conditions, begin - 1):
        cursor.stand(iteration, None)
        if hit := last_hit(cursor, conditions, len(cursor.tape() or ()) + 1):
            return hit
        if cursor.interrupted():
            break
    interrupted = cursor.interrupted()
    cursor.stand(*((begin, event) if interrupted else (0, None)))
    return None


def _within(cursor: Cursor, conditions: Sequence[Condition]) -> Found | None:
    """A hit before the cursor, in its own batch."""
    tape = cursor.tape()
    if tape is None:
        return None
    return last_hit(cursor, conditions, len(tape) if cursor.event is None else cursor.event)


def _backwards(cursor: Cursor, conditions: Sequence[Condition], last: int) -> Iterator[int]:
    """The batches, from `last` down, in which a condition may have come true."""
    if all(condition.on_scalars for condition in conditions):
        for iteration in range(last, 0, -1):
            scalars = Scalars(cursor, iteration)
            if any(condition.may_hold(scalars, None) for condition in conditions):
                yield iteration
        return
    upper, total = last, max(1, last)
    for start in sorted((i for i in cursor.timeline.starts() if i < last), reverse=True):
        cursor.progress("searching", total - upper, total)
        if cursor.interrupted():
            return
        yield from reversed(_scan(cursor, conditions, start, upper))
        upper = start


def _scan(cursor: Cursor, conditions: Sequence[Condition], start: int, stop: int) -> list[int]:
    """The batches after `start`, up to `stop`, in which a condition may have come true."""
    timeline, found = cursor.timeline, list[int]()
    if timeline.replays_elsewhere:
        return timeline.elsewhere(start, _scan, list(conditions), start, stop, interrupted=cursor.interrupted) or []
    if not timeline.go(start, cursor.interrupted):
        return []
    with cursor.trainer.at_work, Lookout(cursor, conditions) as lookout:
        for iteration in range(start + 1, stop + 1):
            if cursor.interrupted():
                return []
            lookout.run_batch()
            candidates = lookout.candidates()
            if any(not (condition.is_nan_everywhere and lookout.spreads) for condition in candidates):
                found.append(iteration)
    return found


class Scalars(Values):
    """The plain numbers at the end of a batch that has run, and nothing else."""

    def __init__(self, cursor: Cursor, iteration: int) -> None:
        live = LiveValues(cursor.timeline, {})
        self.__dict__.update(live.__dict__)
        self.scalars = scalars_at(cursor.timeline, iteration)
