"""The timeline of a script: forward in this process, back in copies of it that were put to sleep on the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from engine.cursor import Cursor
from engine.errors import HistoryError
from engine.history.timeline import Timeline
from engine.own_loop.sleepers import Replay, Sleepers
from engine.own_loop.written import Written
from engine.tape.tape import Tape
from engine.training.state import State

if TYPE_CHECKING:
    from engine.own_loop.calendar import OpenCalendar


class ScriptTimeline(Timeline):
    """Its trainer goes forward only; what lies behind is asked of `copies`, which is None in a copy itself."""

    calendar: OpenCalendar
    copies: Sleepers | None = None

    @property
    def replays_elsewhere(self) -> bool:
        """Whether another process must go back in this one's stead."""
        return self.copies is not None

    def starts(self) -> set[int]:
        """The borders from which the way on can be gone again."""
        return super().starts() if self.copies is None else set(self.copies.iterations)

    def _arrive(self, *batch: Any) -> bool:
        changed = super()._arrive(*batch)
        if self.copies is not None:
            self.copies.consider(self.trainer.iteration)
        return changed

    def follow(self, iteration: int, *asking: Any) -> bool:
        """The script stays where it is, at the furthest border: it goes on from there."""
        return self.replays_elsewhere or super().follow(iteration, *asking)

    def go(self, iteration: int, *asking: Any, keep: bool = False) -> bool:
        """Forward only. Raises HistoryError for a border that lies behind."""
        if iteration < self.trainer.iteration:
            raise HistoryError(
                f"the script itself cannot be put back to batch {iteration}",
                f"it stands after batch {self.trainer.iteration}: goto last leads there",
            )
        return super().go(iteration, *asking, keep=keep)

    def state(self, iteration: int, interrupted: Callable[[], bool] = lambda: False) -> State | None:
        """The state at the end of a batch; None if interrupted on the way to it."""
        held = self.history.at(iteration)
        if held is None and self.copies is not None and iteration < self.trainer.iteration:
            found: State | None = self.elsewhere(iteration, _state_at, iteration, interrupted=interrupted)
            if found is not None:
                self.history.add_recent(found)
            return found
        return super().state(iteration, interrupted)

    def tape(
        self,
        iteration: int,
        interrupted: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
        wanted: frozenset[int] = frozenset(),
    ) -> Tape | None:
        """The tape of a batch; of one that lies behind and is not held, from a copy; None if interrupted."""
        held = self._tapes.use(iteration)
        if (held is not None and not wanted) or self.copies is None or iteration > self.trainer.iteration:
            return super().tape(iteration, interrupted, progress, wanted)
        return self._fetched(iteration, interrupted, progress, wanted)

    def foreseen(self, iteration: int, *asking: Any) -> Tape | None:
        """The tape that the next batch will have; the script itself stays before it."""
        held = self.held_tape(iteration)
        if held is not None or self.copies is None:
            return held
        return self._fetched(iteration, *asking) if self.copies.iterations else None

    def _fetched(
        self,
        iteration: int,
        interrupted: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
        wanted: frozenset[int] = frozenset(),
    ) -> Tape | None:
        tape: Tape | None = self.elsewhere(
            iteration - 1, _tape_of, iteration, wanted, interrupted=interrupted, progress=progress
        )
        if tape is not None:
            self._tapes.keep(iteration, tape)
        return tape

    def keep_tapes(self, count: int) -> None:
        """Hold the tapes of so many batches, of those recorded last."""
        self._tapes.kept = count

    def elsewhere(
        self,
        border: int,
        task: Callable[..., Any],
        *arguments: Any,
        interrupted: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Any:
        """What a task gives in a copy that goes on from before a border: `task(cursor, *arguments)`.

        None where interrupted. Raises HistoryError where no copy is left that slept there.
        """
        assert self.copies is not None
        known = (self.series, self.loss_names, self.edits, self.calendar)
        answer = self.copies.ask(
            border,
            _with_what_is_known,
            known,
            task,
            arguments,
            interrupted=interrupted,
            progress=lambda label, done, total: progress(done, total),
        )
        if answer is None:
            return None
        found, divergence = answer
        self.divergence = self.divergence or divergence
        return found

    def forget_from(self, border: int) -> None:
        """Drop the state at a border, and all that lies after it."""
        super().forget_from(border)
        if self.copies is not None:
            self.copies.forget_from(border)
            self.copies.consider(border)


def keep_the_way_back(cursor: Cursor, written: Written, budget: int, kept: int) -> None:
    """From here on copies of this process are put to sleep, within a budget of bytes that they do not share.

    Where there can be none, that is said, and the tapes of the last `kept` batches that were recorded are held.
    """
    timeline = cursor.timeline
    assert isinstance(timeline, ScriptTimeline)

    def prepare(replay: Replay) -> None:
        timeline.copies, timeline.divergence = None, ""
        cursor.trainer.beside = nullcontext()
        cursor.interrupted = timeline.interrupted = lambda: False
        cursor.progress = replay.tell

    timeline.copies = Sleepers(cursor, cursor.trainer.optimizers, written, budget, prepare)
    timeline.copies.consider(0)
    if timeline.copies.problem:
        timeline.keep_tapes(kept)
        cursor.notices.append(
            f"no way back: {timeline.copies.problem}. Forward at every unit works, and of the batches that are stepped "
            f"through the last {kept} can be walked in"
        )


def _with_what_is_known(cursor: Cursor, known: Any, task: Callable[..., Any], arguments: Any) -> tuple[Any, str]:
    """Do a task in a copy that is told what became of the run since it slept; and what it came to otherwise."""
    timeline = cursor.timeline
    timeline.series, timeline.loss_names, timeline.edits, calendar = known
    timeline.calendar = cursor.trainer.calendar = calendar
    return task(cursor, *arguments), timeline.divergence


def _tape_of(cursor: Cursor, iteration: int, wanted: frozenset[int]) -> Tape | None:
    report = cursor.progress
    tape = cursor.timeline.tape(iteration, progress=lambda done, total: report("replaying", done, total), wanted=wanted)
    return None if tape is None else tape.built()


def _state_at(cursor: Cursor, iteration: int) -> State | None:
    return cursor.timeline.state(iteration)
