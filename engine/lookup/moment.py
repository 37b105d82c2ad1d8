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
from engine.history.series import rate_name
from engine.history.timeline import Timeline
from engine.lookup.names import Ref
from engine.lookup.place import Scalar
from engine.lookup.scalars import Scalars, bare_loss, known, only_rate, scalars_at, validation_scalars
from engine.lookup.values import Values
from engine.protocol.positions import Position, Status
from engine.tape.naming import Naming
from engine.tape.tape import Event, Tape
from engine.training.calendar import Calendar
from engine.training.state import State, digest, loose_in
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
        self.timeline: Timeline = branches.current.timeline
        self.trainer: Trainer = self.timeline.trainer
        self.naming: Naming = self.timeline.naming
        self.calendar: Calendar = self.timeline.calendar
        self.iteration = iteration
        self.event = event
        self.finished = iteration - (event is not None)  # batches that lie behind, whole
        self.description = description
        self.status = status
        self.interrupted = interrupted
        self._report = report

    def at(self, iteration: int, event: int | None = None) -> Moment:
        """Another position of the same branch, which the run has reached."""
        return Moment(self.branches, iteration, event, self.description, interrupted=self.interrupted)

    # ── where ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this position from all others, as long as no edit is made: for what is kept between frames."""
        return (id(self.timeline), self.iteration, self.event, len(self.timeline.edits))

    @cached_property
    def total(self) -> int:
        """Mini-batches in the whole run."""
        return self.calendar.total

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

    @cached_property
    def tape(self) -> Tape | None:
        """The batch's tape, recorded anew if it is not held; None before training or when interrupted."""
        return self._recorded(self.iteration) if self.iteration else None

    def first_tape(self) -> Tape | None:
        """The tape of the first batch, without going there: what the graph will be."""
        return self.timeline.foreseen(1, self.interrupted, self._report("recording")) if self.total else None

    def _recorded(self, iteration: int, wanted: frozenset[int] = frozenset()) -> Tape | None:
        return self.timeline.tape(iteration, self.interrupted, self._report("recording"), wanted)

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
        tape = self.timeline.held_tape(self.iteration)
        loss = None if tape is None else tape.values.get("ℒ")
        return loss is not None and self.event >= (0 if loss.event is None else loss.event.number)

    # ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def values(self) -> Values:
        """Lookup of names."""
        return self.own_values()

    def let_go(self) -> None:
        """Hold no lookup, which holds this: without the circle a tape is gone as soon as nobody looks at it."""
        self.__dict__.pop("values", None)

    def own_values(self) -> Values:
        """Lookup of names for a caller that keeps it, and with it this."""
        return Values(
            self.naming,
            self.trainer.modules,
            state=self._state,
            tape=lambda: self.tape,
            done=self.event,
            scalars=self._scalars(),
            refresh=self._refreshed,
        )

    def get(self, name: str) -> Tensor:
        """The tensor that a name means here. Raises NotComputedYetError, saying when, or ExpressionError."""
        return self.values.get(self.values.ref(name) or Ref(name))

    def scalar(self, name: str) -> Scalar:
        """A plain number, or a word of the place; None where it is not known here."""
        return self.values.scalars[name]()

    def _state(self) -> State:
        state = self.timeline.state(self.iteration, self.interrupted)
        if state is None:
            raise HistoryError("the way back was interrupted", "ask again")
        return state

    def _refreshed(self, wanted: frozenset[int]) -> Tape:
        tape = self._recorded(self.iteration, wanted)
        if tape is None:
            raise HistoryError("the recording was interrupted", "ask again")
        return tape

    def _scalars(self) -> Scalars:
        series = self.timeline.series
        of_the_batch = {name: self._when_done(name) for name in series if not name.startswith("learning_rate")}
        return {
            **of_the_batch,
            **{rate_name(group): self._rate_of(group) for group in self.timeline.rates.at(0)},
            **validation_scalars(self.timeline, self._first_validation),
            "loss": lambda: bare_loss(self.timeline, self.iteration) if self.loss_is_done else None,
            "accuracy": lambda: self.accuracy,
            "learning_rate": lambda: only_rate(self.learning_rates),
            "epoch": lambda: self.position.epoch,
            "batch": lambda: self.position.batch,
            "iteration": lambda: self.iteration,
            "phase": lambda: self._of_event("phase"),
            "op": lambda: None if self.here is None else self.here.op.name,
            "layer": lambda: self._of_event("layer"),
            "time": lambda: self._of_event("time"),
            "path": lambda: self._of_event("path"),
            "event": lambda: self._of_event("number"),
        }

    def _rate_of(self, group: str) -> Callable[[], Scalar]:
        return lambda: self.learning_rates[group]

    def _when_done(self, name: str) -> Callable[[], Scalar]:
        return lambda: self.number(name)

    def _of_event(self, attribute: str) -> Any:
        return None if self.here is None else getattr(self.here, attribute)

    def scalars_at_end(self) -> Scalars:
        """The numbers as they are when the batch is done, which must have run."""
        return scalars_at(self.timeline, self.iteration) if self.iteration else {}

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def loss(self) -> float | None:
        """The batch's loss, once it is done; None before training, and where there are several."""
        main = self.timeline.main_loss
        return None if main is None else self.number(main)

    @cached_property
    def losses(self) -> dict[str, float | None]:
        """Each loss by name, None while it is not done."""
        return {name: self.number(name) for name in self.timeline.loss_names}

    @cached_property
    def accuracy(self) -> float | None:
        """The accuracy of the predictions that the loss was taken on."""
        return known(self.number("accuracy"))

    def number(self, name: str) -> float | None:
        """A loss or score of the batch, once it is done; None before training."""
        return self.timeline.series.at(name, self.iteration) if self._is_done(name) else None

    def _is_done(self, name: str) -> bool:
        """Of several losses each is done at its own event; scores of a step of one's own, at the batch's end."""
        if self.event is None or name in ("loss", "accuracy"):
            return self.loss_is_done
        tape = self.timeline.held_tape(self.iteration)
        loss = None if tape is None else tape.losses.get(name)
        if loss is None:
            return name == self.timeline.main_loss and self.loss_is_done
        return loss.event is None or loss.event.number <= self.event

    @cached_property
    def validation(self) -> dict[str, float] | None:
        """The latest validation, means by name, taken at or before this position."""
        return self.timeline.validation_at(self.finished)

    def _first_validation(self) -> dict[str, float] | None:
        if not self.timeline.validations and self.trainer.iteration == 0:
            self.timeline.validate(self.interrupted)
            self.__dict__.pop("validation", None)
        return self.validation

    @cached_property
    def learning_rates(self) -> dict[str, float]:
        """The rate of each group: in a batch, what it is trained with; at a border, what holds there."""
        rates = self.timeline.rates.at(self.finished)
        if self.event is None:
            return rates
        used = {group: self.timeline.series.at(rate_name(group), self.iteration) for group in rates}
        return {group: rates[group] if rate is None else rate for group, rate in used.items()}

    @property
    def learning_rate(self) -> float | None:
        """The rate, where all groups have one and the same."""
        rates = set(self.learning_rates.values())
        return rates.pop() if len(rates) == 1 else None

    def metrics(self) -> dict[str, float]:
        """Losses and scores of the batch, and the latest validation, as far as they are known."""
        numbers = {name: known(self.number(name)) for name in self.timeline.series if "learning_rate" not in name}
        numbers |= {f"valid_{name}": known(number) for name, number in (self.validation or {}).items()}
        return {name: value for name, value in numbers.items() if value is not None}

    def digest(self) -> str:
        """SHA-256 of parameters, buffers and optimizer state."""
        modules, loose = self.trainer.modules, loose_in(self.trainer.modules, self.trainer.optimizers)
        held = self.timeline.history.at(self.iteration) if self.event is None else None
        if held is not None:
            states = {name: saved.state for name, saved in held.optimizers.items()}
            return digest(modules, held.tensors, states, loose)
        return digest(modules, self.values.tensors(), self.values.optimizer_states(), loose)
