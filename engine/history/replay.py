"""Gets a training run to any batch: forward by training, back by restoring a State and replaying."""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from engine.history.history import History
from engine.history.traces import Trace
from engine.protocol.recipe import Edit
from engine.tape.naming import Naming
from engine.tape.tape import Tape
from engine.training.classes import accuracy
from engine.training.state import State
from engine.training.trainer import Result, Trainer

_TAPES_KEPT = 4


class Replay:
    """One branch of a run: its metrics, edits and history, on a trainer that it may share with other branches.

    `losses` and `accuracies` hold one number for each batch run, in order, NaN where an accuracy is not defined;
    `validations` holds (loss, accuracy) by the number of epochs done, 0 being before training; `rates` the learning
    rate before its schedule, by the border from which it holds. The state at a border includes the edits made there.
    """

    def __init__(
        self, trainer: Trainer, naming: Naming, validation: Iterable[Any] | None, history_bytes: int, tape_bytes: int
    ) -> None:
        self.trainer = trainer
        self.naming = naming
        self.calendar = trainer.calendar
        self.history = History(history_bytes)
        self.losses = array("d")
        self.accuracies = array("d")
        self.validations: dict[int, tuple[float, float]] = {}
        self.rates: dict[int, float] = {0: trainer.base_rate}
        self.edits: list[Edit] = []
        self.reached = 0  # the furthest batch that the cursor has been in
        self.finished = 0  # the furthest whose end the cursor has stood at
        self.divergence = ""
        self.trace = Trace[float]()  # norms of batches that were looked at
        self.distributions = Trace[bytes]()
        self.audit = False
        self.apply_edit: Callable[[Edit], bool] = lambda edit: False
        self.plotted: dict[str, array[float]] = {}  # a number for each batch by expression; NaN where it is not known
        self.on_arrival: Callable[[Replay, int], None] = lambda replay, iteration: None
        self.interrupted: Callable[[], bool] = lambda: False
        self._validation = validation
        self._tape_bytes = tape_bytes
        self._tapes: OrderedDict[int, Tape] = OrderedDict()
        trainer.owner = self
        with trainer.at_work:
            self.history.add_checkpoint(trainer.capture())

    def fork(self, border: int) -> Replay:
        """A branch that shares what lies before a border, and the state there. The trainer must stand at the border."""
        other = Replay(self.trainer, self.naming, self._validation, self.history.budget, self._tape_bytes)
        other.calendar = self.calendar.copy()
        other.take_after(self)
        other.plotted = {text: series[:border] for text, series in self.plotted.items()}
        other.losses, other.accuracies = self.losses[:border], self.accuracies[:border]
        done = self.calendar.epochs_done(border)
        other.validations = {epochs: taken for epochs, taken in self.validations.items() if epochs <= done}
        other.rates = {place: rate for place, rate in self.rates.items() if place <= border}
        other.edits = [edit for edit in self.edits if edit.iteration <= border]
        other.history.share(self.history, border)
        other.trace, other.distributions = self.trace.copy(border), self.distributions.copy(border)
        self.trainer.calendar = other.calendar
        other._tapes = OrderedDict((place, tape) for place, tape in self._tapes.items() if place < border)
        other.reached = other.finished = border
        return other

    def anew(self, edits: list[Edit]) -> Replay:
        """A branch of the same run with these edits, before training, where the trainer must stand."""
        other = Replay(self.trainer, self.naming, self._validation, self.history.budget, self._tape_bytes)
        other.edits = list(edits)
        other.take_after(self)
        first = [edit for edit in edits if edit.iteration == 0]
        for edit in first:
            other.make_edit(edit)
        if first:
            other.history.forget_from(0)
            other.history.add_checkpoint(self.trainer.capture())
        return other

    def take_after(self, other: Replay) -> None:
        """Do as another branch of the same session does."""
        self.apply_edit, self.interrupted, self.audit = other.apply_edit, other.interrupted, other.audit
        self.on_arrival = other.on_arrival

    def make_optimizer_edits(self, iteration: int) -> None:
        """Let the trainer have the optimizer that it has after so many batches; its state is whoever's calls this."""
        for edit in self.edits:
            if edit.name == "optimizer" and 0 < edit.iteration <= iteration:
                self.apply_edit(edit)
        self.trainer.owner = None  # what it holds now is of no place in any branch

    @property
    def validation(self) -> Iterable[Any] | None:
        """The batches of the validation partition, if there is one."""
        return self._validation

    @property
    def furthest(self) -> int:
        """The last batch ever reached, counted over all epochs."""
        return len(self.losses)

    def rate_at(self, border: int) -> float:
        """The learning rate, before its schedule, from a border on."""
        return self.rates[max(place for place in self.rates if place <= border)]

    def validation_at(self, border: int) -> tuple[float, float] | None:
        """The latest validation loss and accuracy taken at or before a border."""
        done = self.calendar.epochs_done(border)
        held = [epochs for epochs in self.validations if epochs <= done]
        return self.validations[max(held)] if held else None

    # ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def train_batch(self) -> Result:
        """Run the trainer's next batch, unrecorded."""
        with self.trainer.at_work:
            self._validate_first()
            before = self.trainer.capture() if self.audit else None
            result = self.trainer.train()
            self._arrive(result, before)
        return result

    def record_batch(self, wanted: frozenset[int] = frozenset()) -> Tape:
        """Run the trainer's next batch and keep its tape and the states around it."""
        with self.trainer.at_work:
            self._validate_first()
            before = self.history.at(self.trainer.iteration) or self._keep_here()
            tape, result = self.trainer.record(self.naming, before, self._tape_bytes, wanted)
            tape.after = self.trainer.capture()
            changed = self._arrive(result, before if self.audit else None)
            tape.border = self.trainer.capture() if changed else tape.after
            self.history.add_recent(tape.border)
        self._keep_tape(tape)
        return tape

    def _keep_tape(self, tape: Tape) -> None:
        self._tapes[self.trainer.iteration] = tape
        self._tapes.move_to_end(self.trainer.iteration)
        while len(self._tapes) > 1 and (len(self._tapes) > _TAPES_KEPT or self._tape_sizes() > 1.5 * self._tape_bytes):
            self._tapes.popitem(last=False)

    def _tape_sizes(self) -> int:
        return sum(tape.bytes for tape in self._tapes.values())

    def validate(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Take validation loss and accuracy where the trainer stands, if they belong there and are missing."""
        epochs = self._epochs_here()
        if self._validation is None or epochs is None or epochs in self.validations:
            return
        with self.trainer.at_work:
            outcome = self.trainer.validate(self._validation, interrupted)
        if outcome is not None:
            self.validations[epochs] = outcome

    def _epochs_here(self) -> int | None:
        """The epochs that are done where the trainer stands; None within one."""
        if self.trainer.epoch_is_done:
            return self.trainer.epoch
        return 0 if self.trainer.iteration == 0 else None

    def _validate_first(self) -> None:
        if self.trainer.iteration == 0:
            self.validate()

    def _arrive(self, result: Result, undo_to: State | None) -> bool:
        """Note a batch's result and make the edits of the border it ends at; whether they, or an audit, changed it."""
        iteration = self.trainer.iteration
        self._note(iteration, result)
        self.on_arrival(self, iteration)
        if undo_to is not None:
            self.trainer.undo_update(undo_to)
        edits = [edit for edit in self.edits if edit.iteration == iteration]
        for edit in edits:
            self.make_edit(edit)
        self.validate(self.interrupted)  # of what is seen at this border: after its edits
        if self.history.wants(iteration):
            self.history.add_checkpoint(self.trainer.capture())
        return bool(edits) or undo_to is not None

    def make_edit(self, edit: Edit) -> bool:
        """Make an edit where the trainer stands; whether the model now computes something else.

        Raises EngineError, having changed nothing, where it cannot be made.
        """
        other_model = self.apply_edit(edit)
        if edit.name == "batch_size":
            epoch = self.trainer.epoch + (self.trainer.batch > 0)  # an epoch that has begun keeps its batches
            self.calendar.change(epoch, len(self.trainer.loader))  # type: ignore[arg-type]
        self.rates[edit.iteration] = self.trainer.base_rate
        return other_model

    def _note(self, iteration: int, result: Result) -> None:
        if iteration > len(self.losses):
            self.losses.append(result.loss)
            self.accuracies.append(_accuracy(result))
        elif not _same(self.losses[iteration - 1], result.loss):
            self._diverged(iteration, result.loss)
            self.losses[iteration - 1] = result.loss
            self.accuracies[iteration - 1] = _accuracy(result)

    def _diverged(self, iteration: int, loss: float) -> None:
        if not self.divergence:
            self.divergence = (
                f"batch {iteration} was replayed with loss {loss!r}, but had {self.losses[iteration - 1]!r} before: "
                "something in it is not seeded (the loader? an augmentation?): from here on this is a new run"
            )

    def _keep_here(self) -> State:
        state = self.trainer.capture()
        self.history.add_recent(state)
        return state

    # ── going anywhere ────────────────────────────────────────────────────────────────────────────────────────────────

    def go(
        self,
        iteration: int,
        interrupted: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
        *,
        keep: bool = False,
    ) -> bool:
        """Bring the trainer to the end of a batch; False if interrupted on the way, or if the run ends before it.

        `keep` holds the states passed through, for a walk back, as many as there is room for.
        """
        first_kept = iteration - self.history.room_for_recent() if keep else iteration
        with self.trainer.at_work:
            here = self._start_for(iteration)
            for done in range(here, iteration):
                if interrupted() or self.trainer.iteration >= self.calendar.total:
                    return False
                progress(done - here, iteration - here)
                self.train_batch()
                self.validate(interrupted)
                if self.trainer.iteration > first_kept:
                    self._keep_here()
        return True

    def _start_for(self, iteration: int) -> int:
        """Put the trainer at the nearest place before a batch; where that is."""
        start = self.history.nearest(iteration)
        trainer = self.trainer
        if trainer.owner is not self or trainer.iteration > iteration or start.iteration > trainer.iteration:
            trainer.owner, trainer.calendar = self, self.calendar
            trainer.restore(start)
        return self.trainer.iteration

    def state(self, iteration: int, interrupted: Callable[[], bool] = lambda: False) -> State | None:
        """The state at the end of a batch; None if interrupted on the way to it."""
        held = self.history.at(iteration)
        if held is not None:
            return held
        if not self.go(iteration, interrupted, keep=True):
            return None
        with self.trainer.at_work:
            return self.history.at(iteration) or self._keep_here()

    def held_tape(self, iteration: int) -> Tape | None:
        """The tape of a batch, if it is still held."""
        return self._tapes.get(iteration)

    def any_tape(self) -> Tape | None:
        """A tape that is held, whichever: batches of a model are alike."""
        return next(reversed(self._tapes.values()), None)

    def tape(
        self,
        iteration: int,
        interrupted: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
        wanted: frozenset[int] = frozenset(),
    ) -> Tape | None:
        """The tape of a batch, recorded anew if it is not held (or lacks `wanted`); None if interrupted on the way."""
        held = self._tapes.get(iteration)
        if held is not None and not wanted:
            self._tapes.move_to_end(iteration)
            return held
        if not self.go(iteration - 1, interrupted, progress, keep=iteration <= self.furthest):
            return None
        return self.record_batch(wanted)

    def change_here(self, edit: Edit) -> None:
        """Make a new edit at the border where the trainer stands; what lay after it is forgotten.

        Raises EngineError, having changed nothing, where it cannot be made.
        """
        border = edit.iteration
        with self.trainer.at_work:
            other_model = self.make_edit(edit)
            self.edits.append(edit)
            self.forget_from(border)
            if other_model and (epochs := self._epochs_here()) is not None:
                self.validations.pop(epochs, None)
                self.validate(self.interrupted)
            self.history.add_checkpoint(self.trainer.capture())

    def forget_from(self, border: int) -> None:
        """Drop the state at a border, and all that lies after it."""
        self.history.forget_from(border)
        self.trace.forget_from(border)
        self.distributions.forget_from(border)
        del self.losses[border:]
        del self.accuracies[border:]
        for series in self.plotted.values():
            del series[border:]
        for held in [i for i in self._tapes if i >= border]:
            del self._tapes[held]
        done = self.calendar.epochs_done(border)
        self.validations = {epochs: taken for epochs, taken in self.validations.items() if epochs <= done}
        self.rates = {place: rate for place, rate in self.rates.items() if place <= border}
        self.reached, self.finished = min(self.reached, border), min(self.finished, border)


def _accuracy(result: Result) -> float:
    share = accuracy(result.output, result.targets)
    return math.nan if share is None else share


def _same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))
