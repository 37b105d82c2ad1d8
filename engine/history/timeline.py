"""Gets a training run to any batch: forward by training, back by restoring a State and replaying.

Longer than others: whoever goes back elsewhere overrides single steps of the way, which are read beside each other.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from engine.errors import ModelError, RunOverError
from engine.history.history import History
from engine.history.series import BorderRates, Series, rate_name
from engine.history.tapes import Tapes
from engine.history.traces import Trace
from engine.program.copies import alike
from engine.program.program import Outcome
from engine.protocol.recipe import Edit
from engine.tape.naming import Naming
from engine.tape.tape import Tape
from engine.training.classes import accuracy
from engine.training.state import State
from engine.training.trainer import Result, Trainer
from engine.users_code import users_code
from engine.usual_errors import is_in_place

_MOST_NAMED = 5


class Timeline:
    """One branch of a run: its metrics, edits and history, on a trainer that it may share with other branches.

    `series` holds what each batch came to: losses, scores, the rates that it was trained with.
    `validations` holds means by name, by the number of epochs done, 0 being before training; `rates` those that hold at
    each border, edits made there included, as its state does.
    """

    def __init__(
        self, trainer: Trainer, naming: Naming, validation: Iterable[Any] | None, history_bytes: int, tape_bytes: int
    ) -> None:
        self.trainer = trainer
        self.naming = naming
        self.calendar = trainer.calendar
        self.history = History(history_bytes)
        self.series = Series()
        self.loss_names: list[str] = []  # in the order in which they were first met
        self.fed: dict[int, float | None] = {}  # the validation loss that schedulers were stepped with, by epochs done
        self.validations: dict[int, dict[str, float]] = {}
        self.rates = BorderRates(trainer.rates())
        self.edits: list[Edit] = []
        self.reached = 0  # the furthest batch that the cursor has been in
        self.finished = 0  # the furthest whose end the cursor has stood at
        self.divergence = ""
        self._began_from: State | None = None
        self.trace = Trace[float]()  # norms of batches that were looked at
        self.distributions = Trace[bytes]()
        self.audit = False
        self.apply_edit: Callable[[Edit], bool] = lambda edit: False
        self.plotted = Series()  # of expressions that are looked at: no part of what the run came to
        self.on_arrival: Callable[[Timeline, int], None] = lambda timeline, iteration: None
        self.interrupted: Callable[[], bool] = lambda: False
        self._validation = validation
        self._tapes = Tapes(tape_bytes)
        trainer.owner = self
        with trainer.at_work:
            self.history.add_checkpoint(trainer.capture())

    def fork(self, border: int) -> Timeline:
        """A branch that shares what lies before a border, and the state there. The trainer must stand at the border."""
        other = Timeline(self.trainer, self.naming, self._validation, self.history.budget, self._tapes.room)
        other.calendar = self.calendar.copy()
        other.take_after(self)
        other.series, other.plotted = self.series.upto(border), self.plotted.upto(border)
        other.loss_names = list(self.loss_names)
        done = self.calendar.epochs_done(border)
        other.fed = {epochs: loss for epochs, loss in self.fed.items() if epochs <= done}
        other.validations = {epochs: taken for epochs, taken in self.validations.items() if epochs <= done}
        other.rates = self.rates.upto(border)
        other.edits = [edit for edit in self.edits if edit.iteration <= border]
        other.history.share(self.history, border)
        other.trace, other.distributions = self.trace.copy(border), self.distributions.copy(border)
        self.trainer.calendar = other.calendar
        other._tapes = self._tapes.before(border)
        other.reached = other.finished = border
        return other

    def anew(self, edits: list[Edit]) -> Timeline:
        """A branch of the same run with these edits, before training, where the trainer must stand."""
        other = Timeline(self.trainer, self.naming, self._validation, self.history.budget, self._tapes.room)
        other.edits = list(edits)
        other.take_after(self)
        first = [edit for edit in edits if edit.iteration == 0]
        for edit in first:
            other.make_edit(edit)
        if first:
            other.history.forget_from(0)
            other.history.add_checkpoint(self.trainer.capture())
        return other

    def take_after(self, other: Timeline) -> None:
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
        return len(self.series)

    @property
    def main_loss(self) -> str | None:
        """The name of the loss that a step returns bare, else of its only one; None where there are several."""
        if "loss" in self.loss_names or not self.loss_names:
            return "loss"
        return self.loss_names[0] if len(self.loss_names) == 1 else None

    @property
    def losses(self) -> array[float]:
        """The loss of each batch; of several, the first."""
        return self.series.whole(self.main_loss or self.loss_names[0])

    def rate_names(self) -> list[str]:
        """What the series of the groups' learning rates are called."""
        return [rate_name(group) for group in self.rates.at(0)]

    @property
    def accuracies(self) -> array[float]:
        """The accuracy of each batch, NaN where it is not defined."""
        return self.series.whole("accuracy")

    def validation_at(self, border: int) -> dict[str, float] | None:
        """The latest validation, means by name, taken at or before a border."""
        done = self.calendar.epochs_done(border)
        held = [epochs for epochs in self.validations if epochs <= done]
        return self.validations[max(held)] if held else None

    # ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def train_batch(self) -> None:
        """Run the trainer's next batch, unrecorded."""
        with self.trainer.at_work:
            self._validate_first()
            before = self.trainer.capture() if self.audit else None
            iteration = self.trainer.iteration
            try:
                result, outcome = self.trainer.train()
            except ModelError as error:
                if error.__cause__ is not None and is_in_place(error.__cause__):
                    self._look_closer(iteration)
                raise
            self._arrive(result, outcome, before)

    def _look_closer(self, iteration: int) -> None:
        """Run a batch that failed again, looked at: its error then says what was written where."""
        self.trainer.owner = None
        if self.go(iteration):
            self.record_batch()

    def record_batch(self, wanted: frozenset[int] = frozenset()) -> Tape:
        """Run the trainer's next batch and keep its tape and the states around it."""
        with self.trainer.at_work:
            self._validate_first()
            before = self.history.at(self.trainer.iteration) or self._keep_here()
            tape, result, outcome = self.trainer.record(self.naming, before, self._tapes.room, wanted)
            tape.after = self.trainer.capture()
            changed = self._arrive(result, outcome, before if self.audit else None)
            tape.border = self.trainer.capture() if changed else tape.after
            self.history.add_recent(tape.border)
        self._tapes.keep(self.trainer.iteration, tape)
        return tape

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

    def _arrive(self, result: Result, outcome: Outcome, undo_to: State | None) -> bool:
        """Note a batch's result and make the edits of the border it ends at; whether they, or an audit, changed it."""
        iteration = self.trainer.iteration
        self._note(iteration, result, outcome)
        self.on_arrival(self, iteration)
        if undo_to is not None:
            self.trainer.undo_update(undo_to)
        stepped = self._end_epoch()
        edits = [edit for edit in self.edits if edit.iteration == iteration]
        for edit in edits:
            self.make_edit(edit)
        self.rates.note(iteration, self.trainer.rates())
        self.validate(self.interrupted)  # of what is seen at this border: after its edits
        if self.history.wants(iteration):
            self.history.add_checkpoint(self.trainer.capture())
        elif not edits and undo_to is None:
            self._compare(iteration)
        return bool(edits) or undo_to is not None or stepped

    def _end_epoch(self) -> bool:
        """Step what is stepped once an epoch, with the validation's loss as it is before this border's edits."""
        trainer = self.trainer
        if not trainer.epoch_is_done or not trainer.program.steps_epochs:
            return False
        if trainer.epoch not in self.fed:
            outcome = None if self._validation is None else trainer.validate(self._validation)
            self.fed[trainer.epoch] = None if outcome is None else outcome["loss"]
            if outcome is not None and not any(edit.iteration == trainer.iteration for edit in self.edits):
                self.validations.setdefault(trainer.epoch, outcome)
        with users_code("stepping a scheduler"):
            trainer.program.end_epoch(self.fed[trainer.epoch])
        return True

    def make_edit(self, edit: Edit) -> bool:
        """Make an edit where the trainer stands; whether the model now computes something else.

        Raises EngineError, having changed nothing, where it cannot be made.
        """
        other_model = self.apply_edit(edit)
        if edit.name == "batch_size":
            epoch = self.trainer.epoch + (self.trainer.batch > 0)  # an epoch that has begun keeps its batches
            self.calendar.change(epoch, len(self.trainer.loader))  # type: ignore[arg-type]
        self.rates.note(edit.iteration, self.trainer.rates())
        return other_model

    def _note(self, iteration: int, result: Result, outcome: Outcome) -> None:
        losses = {name or "loss": loss for name, loss in result.losses.items()}
        replayed = iteration <= len(self.series)
        if replayed:
            self._compare_losses(iteration, losses)
            if not self.divergence:
                return
        self.loss_names += [name for name in losses if name not in self.loss_names]
        rates = {rate_name(group): rate for group, rate in result.rates.items()}
        share = accuracy(outcome.output, outcome.targets, self.trainer.program.boundary)
        known = {} if share is None else {"accuracy": share}
        self.series.note(iteration, {**losses, **rates, **known, **result.scores})

    def _compare_losses(self, iteration: int, losses: dict[str, float]) -> None:
        for name, loss in losses.items():
            was = self.series.at(name, iteration)
            if was is None or not alike(was, loss):
                self._diverged(f"batch {iteration} was replayed with {name} {loss!r}, but had {was!r} before")
                return

    def _compare(self, iteration: int) -> None:
        """Compare a replayed border with the state that is held of it, where that costs little beside the replay."""
        held = self.history.checkpoint(iteration)
        if held is not None and not self.divergence and (found := self.trainer.differing(held)):
            self._diverged(f"batch {iteration} was replayed, and ended in another state", found)

    def _diverged(self, what: str, found: Sequence[str] = ()) -> None:
        """Say what differs, as far as comparing finds it; causes are not guessed."""
        if self.divergence:
            return
        said = f"; what differs first: {_listed(found)}" if found else ""
        lost = self._not_put_back()
        if lost:
            said += f"; this could not be put back: {_listed(lost)} (give it as state, with state_dict)"
        self.divergence = f"{what}{said}. From here on this is a new run"

    def _not_put_back(self) -> list[str]:
        """What is not as it was the first time, right after the state that the replay began from is restored."""
        if self._began_from is None:
            return []
        here = self.trainer.capture()
        self.trainer.restore(self._began_from)
        found = self.trainer.differing(self._began_from)
        self.trainer.restore(here)
        return found

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
                if interrupted() or self.trainer.iteration >= self.calendar.last:
                    return False
                progress(done - here, iteration - here)
                try:
                    self.train_batch()
                except RunOverError:
                    return False
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
            self._began_from = start
        return self.trainer.iteration

    def follow(
        self,
        iteration: int,
        interrupted: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> bool:
        """Bring the trainer to where a cursor stands, to go on from there; False if interrupted on the way."""
        return self.go(iteration, interrupted, progress)

    @property
    def replays_elsewhere(self) -> bool:
        """Whether another process must go back in this one's stead."""
        return False

    def elsewhere(self, border: int, task: Callable[..., Any], *arguments: Any, **asking: Any) -> Any:
        """What a task gives in a process that goes back to a border in this one's stead, where one must."""
        raise AssertionError("this process goes back itself")

    def starts(self) -> set[int]:
        """The borders from which the way on can be gone again."""
        return self.history.iterations()

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
        return self._tapes.newest()

    def tape(
        self,
        iteration: int,
        interrupted: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
        wanted: frozenset[int] = frozenset(),
    ) -> Tape | None:
        """The tape of a batch, recorded anew if it is not held (or lacks `wanted`); None if interrupted on the way."""
        held = self._tapes.use(iteration)
        if held is not None and not wanted:
            return held
        if not self.go(iteration - 1, interrupted, progress, keep=iteration <= self.furthest):
            return None
        try:
            return self.record_batch(wanted)
        except RunOverError:
            return None

    def foreseen(self, iteration: int, *asking: Any) -> Tape | None:
        """The tape that a batch will have, before the cursor goes there."""
        return self.tape(iteration, *asking)

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
        self.series.forget_from(border)
        self.plotted.forget_from(border)
        self._tapes = self._tapes.before(border)
        done = self.calendar.epochs_done(border)
        self.validations = {epochs: taken for epochs, taken in self.validations.items() if epochs <= done}
        self.rates.forget_from(border)
        self.fed = {epochs: loss for epochs, loss in self.fed.items() if epochs <= done}
        self.reached, self.finished = min(self.reached, border), min(self.finished, border)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
