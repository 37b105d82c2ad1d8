"""Where one stands in a training run, and how to get elsewhere: step, back, goto, edit, switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engine.edits import apply_edit
from engine.errors import CommandError, EngineError, HistoryError
from engine.experiments.description import Description
from engine.experiments.experiment import Experiment
from engine.history.branches import Branch, Branches, compare
from engine.history.timeline import Timeline
from engine.lookup.moment import Moment
from engine.lookup.values import Values
from engine.program.compiled import run_eagerly
from engine.program.program import Program
from engine.protocol.positions import Position, Status, Unit
from engine.protocol.recipe import Edit, Script
from engine.protocol.replies import Comparison
from engine.tape.naming import Naming
from engine.tape.tape import Event, Tape
from engine.training.calendar import Calendar
from engine.training.trainer import Trainer

HISTORY_BYTES = 256 * 2**20
TAPE_BYTES = 256 * 2**20


class Cursor:
    """A training run with a cursor in it.

    `schedule` is a factor on the learning rates by iteration, from 1. `interrupted` is asked between batches whether to
    stop; `progress(label, done, total)` hears of long jumps.

    Raises HistoryError for a loader that can be read only once.
    """

    def __init__(
        self,
        program: Program,
        *,
        epochs: int = 1,
        schedule: Callable[[int], float] | None = None,
        description: Description | None = None,
        history_bytes: int = HISTORY_BYTES,
        tape_bytes: int = TAPE_BYTES,
        audit: bool = False,
        trainer: Trainer | None = None,
        timeline: type[Timeline] = Timeline,
    ) -> None:
        self.naming = Naming(program.modules)
        self.trainer = trainer or Trainer(program, schedule, epochs)
        first = timeline(self.trainer, self.naming, program.validation, history_bytes, tape_bytes)
        first.apply_edit, first.audit = lambda edit: apply_edit(self._standing(), edit), audit
        first.interrupted = lambda: self.interrupted()
        self.branches = Branches(first)
        self.description = description or Description.of(program)
        if trainer is None and run_eagerly(program):
            self._describe("compiled, run eagerly")
        if self.trainer.accelerators:
            self._describe(f"on {', '.join(self.trainer.accelerators)}")
        self.notices: list[str] = []  # what is to be said with the next answer
        self.trainer.on_unsure = self._note_unsure
        self.epochs = epochs
        self.plan = (self.trainer.calendar.total, self.trainer.calendar.batches(1))  # for which a schedule was made
        self.recipe: Experiment | Script | None = None  # how to make this session again; None where it is of objects
        self.layout: dict[str, Any] = {}  # the screen's own, kept in recordings
        self.iteration = 0
        self.event: int | None = None
        self.status = Status.PAUSED
        self.interrupted: Callable[[], bool] = lambda: False
        self.progress: Callable[[str, int, int], None] = lambda label, done, total: None

    def _describe(self, words: str) -> None:
        self.description = replace(self.description, model=f"{self.description.model}, {words}")

    def _note_unsure(self, operation: str) -> None:
        """Going back computes again, which may come out differently: said when it is first met, and in the header."""
        self._describe(f"{operation} not deterministic")
        self.notices.append(
            f"{operation} is not deterministic on {', '.join(self.trainer.accelerators)}, and torch has no other: "
            "going back over a batch may end in other bits; each time it is compared"
        )

    # ── where ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def timeline(self) -> Timeline:
        """The branch that the cursor is on."""
        return self.branches.current.timeline

    def _standing(self) -> Timeline:
        """The branch whose state the trainer holds."""
        owner = self.trainer.owner
        return owner if isinstance(owner, Timeline) else self.timeline

    @property
    def calendar(self) -> Calendar:
        """Which batch of which epoch an iteration is."""
        return self.timeline.calendar

    @property
    def batches(self) -> int:
        """Mini-batches in the cursor's epoch."""
        return self.calendar.batches(self.calendar.place(self.iteration)[0])

    @property
    def total(self) -> int:
        """Mini-batches that the whole run can have."""
        return self.calendar.last

    @property
    def finished(self) -> int:
        """Batches that the cursor has behind it, whole."""
        return self.iteration - (self.event is not None)

    @property
    def position(self) -> Position:
        """Where the cursor stands."""
        epoch, batch = self.calendar.place(self.iteration)
        return Position(epoch, batch, self.iteration, self.event)

    def stand(self, iteration: int, event: int | None) -> None:
        """Put the cursor at an event of a batch that has run, or, with None, at its end."""
        self.iteration, self.event = iteration, event
        self.timeline.reached = max(self.timeline.reached, iteration)
        self.timeline.finished = max(self.timeline.finished, self.finished)

    # ── stepping ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self, unit: Unit = Unit.BATCH, count: int = 1) -> Position:
        """Go on by `count` units, at most to the end of the run; stops early when interrupted.

        Raises ModelError if the user's code does; the cursor then stays before the batch that failed.
        """
        unit = Unit(unit)
        if unit in (Unit.BATCH, Unit.EPOCH):
            self._step_batches(self._batches_ahead(unit, count))
            return self.position
        for _ in range(count):
            if not self._step_inside(unit):
                break
        return self.position

    def _batches_ahead(self, unit: Unit, count: int) -> int:
        """The iteration that `count` batches or epochs on ends at."""
        if unit is Unit.EPOCH:
            return self.calendar.epoch_end(self.finished, count)
        return min(self.total, self.finished + count)

    def _step_batches(self, target: int) -> None:
        if self.iteration < target - 1:
            self._travel(target - 1)
        if self.iteration >= target - 1 and not self.interrupted():
            self._arrive(target)

    def _arrive(self, target: int) -> None:
        """Put the cursor at the end of the batch after the cursor's, with its tape at hand if it is new."""
        if target > self.timeline.furthest:
            self._tape(target)
        self.stand(min(target, self.total), None)

    def _step_inside(self, unit: Unit) -> bool:
        iteration, done = self.iteration, self.event
        if done is None:
            if iteration >= self.total:
                return False
            iteration, done = iteration + 1, 0
        tape = self._tape(iteration)
        if tape is None:
            return False
        self._put(iteration, next(border for border in tape.borders(unit) if border > done), tape)
        return True

    def back(self, unit: Unit = Unit.BATCH, count: int = 1) -> Position:
        """Go back by `count` units, at most to the start of the run."""
        unit = Unit(unit)
        if unit in (Unit.BATCH, Unit.EPOCH):
            epochs = unit is Unit.EPOCH
            target = self.calendar.epoch_start(self.iteration, count) if epochs else max(0, self.iteration - count)
            self.stand(target, None)
            return self.position
        for _ in range(count):
            if not self._back_inside(unit):
                break
        return self.position

    def _back_inside(self, unit: Unit) -> bool:
        if self.iteration == 0:
            return False
        tape = self._tape(self.iteration)
        if tape is None:
            return False
        done = len(tape) if self.event is None else self.event
        border = max((b for b in tape.borders(unit) if b < done), default=0)
        self._put(self.iteration, border, tape)
        return True

    def _put(self, iteration: int, event: int, tape: Tape) -> None:
        """A border between batches is always the end of the earlier one."""
        if event == 0:
            self.stand(iteration - 1, None)
        else:
            self.stand(iteration, None if event == len(tape) else event)

    # ── running and jumping ───────────────────────────────────────────────────────────────────────────────────────────

    def catch_up(self) -> bool:
        """Bring the trainer, and the cursor, to the end of the cursor's batch; False where interrupted on the way."""
        if not self.timeline.follow(self.iteration, self.interrupted, self._report("replaying")):
            return False
        self.stand(self.iteration, None)
        self.timeline.validate(self.interrupted)
        return True

    def _travel(self, target: int) -> bool:
        """Move the cursor to the end of a batch; where interrupted, it stays at the last batch that was reached."""
        if target <= self.timeline.furthest:
            self.stand(target, None)
            return True
        if not self.catch_up():
            return False
        self.status = Status.TRAVELLING
        try:
            arrived = self.timeline.go(target, self.interrupted, self._report("training"))
        finally:
            self.status = Status.PAUSED
            self.stand(self.trainer.iteration, None)
        self.timeline.validate(self.interrupted)
        return arrived

    def goto(self, target: str) -> Position:
        """Go to "EPOCH:BATCH[:EVENT]", "start", "end" (of the run) or "last" (the furthest reached).

        Raises CommandError for a place that is not in the run.
        """
        words = {"start": 0, "end": self.total, "last": self.timeline.reached}
        iteration, event = (words[target], None) if target in words else self.calendar.parse(target)
        if event is None:
            self._travel(iteration)
        elif event == 0:
            self._travel(iteration - 1)
        else:
            self._goto_event(iteration, event)
        return self.position

    def _goto_event(self, iteration: int, event: int) -> None:
        if not self._travel(iteration - 1):
            return
        tape = self._tape(iteration)
        if tape is None:
            return
        if event > len(tape):
            raise CommandError(f"there is no event {event}", f"batch {iteration} has events 1 to {len(tape)}")
        self._put(iteration, event, tape)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def moment(self) -> Moment:
        """All that can be read where the cursor stands. It stays there when the cursor moves on."""
        return Moment(
            self.branches,
            self.iteration,
            self.event,
            self.description,
            status=self.status,
            interrupted=self.interrupted,
            report=self._report,
        )

    def tape(self) -> Tape | None:
        """The tape of the cursor's batch, recorded anew if it is not held; None before training or when interrupted."""
        return self.moment.tape

    def _tape(self, iteration: int) -> Tape | None:
        return self.timeline.tape(iteration, self.interrupted, self._report("recording"))

    def values(self) -> Values:
        """Lookup of names at the cursor."""
        return self.moment.own_values()

    def here(self) -> Event | None:
        """The event that the cursor has just done; None before training."""
        return self.moment.here

    @property
    def loss(self) -> float | None:
        """The cursor's batch's loss, once its loss is done; None before training."""
        return self.moment.loss

    @property
    def accuracy(self) -> float | None:
        """The accuracy of the predictions that the loss was taken on."""
        return self.moment.accuracy

    def validation(self) -> dict[str, float] | None:
        """The latest validation, means by name, taken at or before the cursor."""
        return self.moment.validation

    @property
    def learning_rate(self) -> float | None:
        """The rate of the cursor's batch; before training, that of the first."""
        return self.moment.learning_rate

    def digest(self) -> str:
        """SHA-256 of parameters, buffers and optimizer state at the cursor."""
        return self.moment.digest()

    # ── changing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def edit(self, name: str, value: str) -> Branch:
        """Change a value from here on; in the middle of a batch, from that batch's start. The branch that it is on.

        In the past it forks a branch, and the old future is kept. Raises EngineError, having changed nothing, for what
        cannot be set.
        """
        border, event = self.finished, self.event
        before, cursor = self.branches.current, (self.iteration, self.event)
        if not self.timeline.go(border, self.interrupted, self._report("replaying")):
            raise HistoryError("the way there was interrupted", "ask again")
        fork = self.branches.fork(border) if self.timeline.finished > border else None
        try:
            self.timeline.change_here(Edit(border, name, value))
        except EngineError:
            if fork is not None:
                self.branches.drop(fork)
            raise
        before.cursor = cursor
        self.stand(border, None)
        if event is not None and (tape := self._tape(border + 1)) is not None:
            self._put(border + 1, min(event, len(tape) - 1), tape)  # of a frozen layer, fewer events are left
        return self.branches.current

    def switch(self, name: str) -> Branch:
        """Go to another branch, to where its cursor was left. Raises CommandError for one that there is not."""
        branch = self.branches.find(name)
        if branch is not self.branches.current:
            self.branches.current.cursor = (self.iteration, self.event)
            self.branches.current = branch
            self.iteration, self.event = 0, None
            self.go_to(*branch.cursor)
        return branch

    def go_to(self, iteration: int, event: int | None = None) -> None:
        """Go to an event of a batch, or, with None, to its end; where interrupted, as far as it came."""
        self._travel(iteration if event is None else iteration - 1)
        if event is not None and self.iteration == iteration - 1 < self.total:
            self._goto_event(iteration, event)

    def compare(self, first: str, second: str = "") -> Comparison:
        """Two branches, or one and the current, as far as both have run. Raises CommandError for one that is not."""
        pair = [self.branches.find(name) for name in (first, second or self.branches.current.name)]
        for branch in pair:
            if branch.timeline.furthest < branch.timeline.reached:  # of a recording, not visited yet
                branch.timeline.go(branch.timeline.reached, self.interrupted, self._report(f"replaying {branch.name}"))
        return compare(*pair)

    def _report(self, label: str) -> Callable[[int, int], None]:
        return lambda done, total: self.progress(label, done, total)
