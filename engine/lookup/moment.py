"""What can be read at a position of a run: the one thing that panes, conditions and exports are given.

A Moment is cheap to make, computes what it is asked for when it is asked, and that once; so all panes of a frame share
one. It stays where it is when the cursor moves on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from torch import Tensor

from engine.errors import HistoryError
from engine.experiments.description import Description
from engine.history.branches import Branches
from engine.history.replay import Replay
from engine.lookup.scalars import Scalars, known, part_of, rate_of, scalars_at
from engine.lookup.values import Ref, Scalar, Values
from engine.protocol.positions import Position, Status
from engine.tape.naming import Naming
from engine.tape.tape import Event, Tape
from engine.training.calendar import Calendar
from engine.training.state import State, digest
from engine.training.trainer import Trainer

Report = Callable[[str], Callable[[int, int], None]]


def _silent(label: str) -> Callable[[int, int], None]:
    return lambda done, total: None


class Moment:
    """A position: batch `iteration` of the current branch when `event` of its events are done; None is its end.

    `interrupted` is asked on the way to what must be computed again, `report(label)` hears how far that is.
    """

    def __init__(
        self,
        branches: Branches,
        iteration: int,
        event: int | None,
        description: Description,
        *,
        status: Status = Status.PAUSED,
        interrupted: Callable[[], bool] = lambda: False,
        report: Report = _silent,
    ) -> None:
        self.branches = branches
        self.replay: Replay = branches.current.replay
        self.trainer: Trainer = self.replay.trainer
        self.naming: Naming = self.replay.naming
        self.iteration = iteration
        self.event = event
        self.description = description
        self.status = status
        self.interrupted = interrupted
        self._report = report
        self._tape: Tape | None = None

    def at(self, iteration: int, event: int | None = None) -> Moment:
        """Another position of the same branch, which the run has reached."""
        return Moment(self.branches, iteration, event, self.description, interrupted=self.interrupted)

    # ── where ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this position from all others, as long as no edit is made: for what is kept between frames."""
        return (id(self.replay), self.iteration, self.event, len(self.replay.edits))

    @property
    def calendar(self) -> Calendar:
        """Which batch of which epoch an iteration is."""
        return self.replay.calendar

    @property
    def total(self) -> int:
        """Mini-batches in the whole run."""
        return self.calendar.total

    @property
    def finished(self) -> int:
        """Batches that lie behind, whole."""
        return self.iteration - (self.event is not None)

    @cached_property
    def position(self) -> Position:
        """The same as epoch and batch."""
        epoch, batch = self.calendar.place(self.iteration)
        return Position(epoch, batch, self.iteration, self.event)

    @property
    def batches(self) -> int:
        """Mini-batches in this epoch."""
        return self.calendar.batches(self.position.epoch)

    # ── the batch ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def tape(self) -> Tape | None:
        """The batch's tape, recorded anew if it is not held; None before training or when interrupted."""
        if self._tape is None and self.iteration:
            self._tape = self._recorded(self.iteration)
        return self._tape

    def first_tape(self) -> Tape | None:
        """The tape of the first batch, without going there: what the graph will be."""
        return self._recorded(1) if self.total else None

    def _recorded(self, iteration: int, wanted: frozenset[int] = frozenset()) -> Tape | None:
        return self.replay.tape(iteration, self.interrupted, self._report("recording"), wanted)

    @cached_property
    def done(self) -> int:
        """How many events of the tape are done; 0 before training."""
        return len(self.tape or ()) if self.event is None else self.event

    @property
    def here(self) -> Event | None:
        """The event that was just done; None before training."""
        return None if self.tape is None else self.tape.events[self.done - 1]

    @cached_property
    def loss_is_done(self) -> bool:
        """Whether the batch's loss lies behind."""
        if self.event is None:
            return self.iteration > 0
        tape = self.replay.held_tape(self.iteration)
        loss = None if tape is None else tape.values.get("ℒ")
        return loss is not None and self.event >= (0 if loss.event is None else loss.event.number)

    # ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def values(self) -> Values:
        """Lookup of names."""
        return Values(
            self.naming,
            self.trainer.model,
            state=self._state,
            tape=lambda: self.tape,
            done=self.event,
            scalars=self._scalars(),
            refresh=self._refreshed,
        )

    def get(self, name: str) -> Tensor:
        """The tensor that a name means here. Raises NotComputedYetError, saying when, or ExpressionError."""
        return self.values.get(Ref(name))

    def scalar(self, name: str) -> Scalar:
        """A plain number, or a word of the place; None where it is not known here."""
        return self.values.scalars[name]()

    def _state(self) -> State:
        state = self.replay.state(self.iteration, self.interrupted)
        if state is None:
            raise HistoryError("the way back was interrupted", "ask again")
        return state

    def _refreshed(self, wanted: frozenset[int]) -> Tape:
        tape = self._recorded(self.iteration, wanted)
        if tape is None:
            raise HistoryError("the recording was interrupted", "ask again")
        return tape

    def _scalars(self) -> Scalars:
        return {
            "loss": lambda: self.loss,
            "accuracy": lambda: self.accuracy,
            "valid_loss": lambda: part_of(self._first_validation(), 0),
            "valid_accuracy": lambda: part_of(self._first_validation(), 1),
            "learning_rate": lambda: self.learning_rate,
            "epoch": lambda: self.position.epoch,
            "batch": lambda: self.position.batch,
            "iteration": lambda: self.iteration,
            "phase": lambda: self._of_event("phase"),
            "op": lambda: None if self.here is None else self.here.op.name,
            "layer": lambda: self._of_event("layer"),
            "path": lambda: self._of_event("path"),
            "event": lambda: self._of_event("number"),
        }

    def _of_event(self, attribute: str) -> Any:
        return None if self.here is None else getattr(self.here, attribute)

    def scalars_at_end(self) -> Scalars:
        """The numbers as they are when the batch is done, which must have run."""
        return scalars_at(self.replay, self.iteration) if self.iteration else {}

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def loss(self) -> float | None:
        """The batch's loss, once it is done; None before training."""
        return self._metric(self.replay.losses)

    @cached_property
    def accuracy(self) -> float | None:
        """The accuracy of the predictions that the loss was taken on."""
        return known(self._metric(self.replay.accuracies))

    def _metric(self, series: Any) -> float | None:
        if not 0 < self.iteration <= len(series) or not self.loss_is_done:
            return None
        return float(series[self.iteration - 1])

    @cached_property
    def validation(self) -> tuple[float, float] | None:
        """The latest validation loss and accuracy taken at or before this position."""
        return self.replay.validation_at(self.finished)

    def _first_validation(self) -> tuple[float, float] | None:
        if not self.replay.validations and self.trainer.iteration == 0:
            self.replay.validate(self.interrupted)
            self.__dict__.pop("validation", None)
        return self.validation

    @cached_property
    def learning_rate(self) -> float:
        """The rate of the batch; before training, that of the first."""
        return rate_of(self.replay, self.finished, max(1, self.iteration))

    def metrics(self) -> dict[str, float]:
        """Loss and accuracy of the batch, and the latest validation, as far as they are known."""
        valid_loss, valid_accuracy = self.validation or (None, None)
        numbers = {
            "loss": self.loss,
            "accuracy": self.accuracy,
            "valid_loss": valid_loss,
            "valid_accuracy": known(valid_accuracy),
        }
        return {name: value for name, value in numbers.items() if value is not None}

    def digest(self) -> str:
        """SHA-256 of parameters, buffers and optimizer state."""
        held = self.replay.history.at(self.iteration) if self.event is None else None
        if held is not None:
            return digest(self.trainer.model, held.tensors, held.optimizer)
        return digest(self.trainer.model, self.values.tensors(), self.values.optimizer_state())
