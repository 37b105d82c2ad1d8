"""Where the cursor stands in a training run, and how to get elsewhere.

    session = Session(model, loss, optimizer, loader, epochs=4)
    session.step(Unit.OP, 3)
    session.do("print dZ[2][17,3]").value

Works in-process, without a screen: for tests, notebooks and headless scripts. The engine process is a thin loop
around it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from engine.answers import plain_value
from engine.commands import parse
from engine.description import Description
from engine.edits import Edit
from engine.errors import CommandError, EngineError, HistoryError, ModelError
from engine.interpreter import carry_out
from engine.naming import Naming
from engine.replay import Replay
from engine.state import digest
from engine.tape import Tape
from engine.trainer import Trainer
from engine.values import Scalar, Values
from engine.views import Answer, Position, Status, Unit

HISTORY_BYTES = 256 * 2**20
TAPE_BYTES = 256 * 2**20


class Session:
    """A training run with a cursor in it.

    `model` is any nn.Module; `loss(output, targets)` gives one number; `loader` is any re-iterable of mini-batches
    (inputs, targets); `validation` likewise. `schedule` is a factor on the learning rate by iteration, from 1.
    `interrupted` is asked between batches whether to stop; `progress(label, done, total)` hears of long jumps.

    Raises HistoryError for a loader that can be read only once.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Optimizer,
        loader: Iterable[Any],
        *,
        validation: Iterable[Any] | None = None,
        epochs: int = 1,
        schedule: Callable[[int], float] | None = None,
        description: Description | None = None,
        history_bytes: int = HISTORY_BYTES,
        tape_bytes: int = TAPE_BYTES,
    ) -> None:
        self.naming = Naming(model)
        self.trainer = Trainer(model, loss, optimizer, loader, schedule)
        self.replay = Replay(self.trainer, self.naming, validation, history_bytes, tape_bytes)
        self.description = description or Description.of(model, loss, optimizer)
        self.epochs = epochs
        self.iteration = 0
        self.event: int | None = None
        self.reached = 0  # the furthest batch that the cursor has been in
        self.status = Status.PAUSED
        self.picked = (1, 1)  # row of the batch and neuron whose arithmetic is worked out
        self.interrupted: Callable[[], bool] = lambda: False
        self.progress: Callable[[str, int, int], None] = lambda label, done, total: None
        self.on_batch: Callable[[], bool] = lambda: (
            False
        )  # after each batch of a run; True asks for the next one's tape
        self._record_next = False

    # ── where ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def batches(self) -> int:
        """Mini-batches per epoch."""
        return self.trainer.batches

    @property
    def total(self) -> int:
        """Mini-batches in the whole run."""
        return self.epochs * self.batches

    @property
    def position(self) -> Position:
        """Where the cursor stands."""
        self.reached = max(self.reached, self.iteration)
        epoch, batch = self._place(self.iteration)
        return Position(epoch, batch, self.iteration, self.event)

    def _place(self, iteration: int) -> tuple[int, int]:
        if iteration == 0:
            return 1, 0
        return (iteration - 1) // self.batches + 1, (iteration - 1) % self.batches + 1

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
        finished = self.iteration - (self.event is not None)  # batches that the cursor has behind it
        size = self.batches if unit is Unit.EPOCH else 1
        return min(self.total, (finished // size + count) * size)

    def _step_batches(self, target: int) -> None:
        if self.iteration < target - 1:
            self._travel(target - 1)
        if self.iteration >= target - 1 and not self.interrupted():
            self._stand(target)

    def _stand(self, target: int) -> None:
        """Put the cursor at the end of the batch after the cursor's, with its tape at hand if it is new."""
        if target > self.replay.furthest:
            self._tape(target)
            self.replay.validate(self.interrupted)
        self.iteration, self.event = target, None

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
            size = self.batches if unit is Unit.EPOCH else 1
            border = -(-self.iteration // size) * size  # where the batch or epoch that the cursor is in ends
            self.iteration, self.event = max(0, border - size * count), None
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
            self.iteration, self.event = iteration - 1, None
        else:
            self.iteration, self.event = iteration, None if event == len(tape) else event
        if self.event is None and self.trainer.iteration == self.iteration:
            self.replay.validate(self.interrupted)

    # ── running and jumping ───────────────────────────────────────────────────────────────────────────────────────────

    def run(self, count: int | None = None, unit: Unit = Unit.BATCH) -> Position:
        """Train on without stopping, to the last epoch without `count`; stops early when interrupted."""
        if unit not in (Unit.BATCH, Unit.EPOCH):
            raise CommandError(
                f"a run counts batches or epochs, not {unit}s", f"use: step {unit} {count or ''}".rstrip()
            )
        target = self.total if count is None else self._batches_ahead(unit, count)
        self.status = Status.RUNNING
        try:
            if self._ready():
                self._run_to(target)
        finally:
            self.status = Status.PAUSED
        return self.position

    def _ready(self) -> bool:
        """Bring the trainer to the end of the cursor's batch."""
        if not self.replay.go(self.iteration, self.interrupted, self._report("replaying")):
            return False
        self.event = None
        self.replay.validate(self.interrupted)
        return True

    def _run_to(self, target: int) -> None:
        with self.trainer.at_work():
            self._train_to(target)
        self._record_next = False

    def _train_to(self, target: int) -> None:
        replay, interrupted = self.replay, self.interrupted
        while self.iteration < target and not interrupted():
            if self._record_next:
                replay.record_batch()
            else:
                replay.train_batch()
            self.iteration = self.trainer.iteration
            if self.trainer.batch == self.trainer.batches:
                replay.validate(interrupted)
            self._record_next = self.on_batch()

    def _travel(self, target: int) -> bool:
        """Move the cursor to the end of a batch; where interrupted, it stays at the last batch that was reached."""
        if target <= self.replay.furthest:
            self.iteration, self.event = target, None
            return True
        if not self._ready():
            return False
        self.status = Status.TRAVELLING
        try:
            arrived = self.replay.go(target, self.interrupted, self._report("training"))
        finally:
            self.status = Status.PAUSED
            self.iteration = self.trainer.iteration
        self.replay.validate(self.interrupted)
        return arrived

    def goto(self, target: str) -> Position:
        """Go to "EPOCH:BATCH[:EVENT]", "start", "end" (of the run) or "last" (the furthest reached).

        Raises CommandError for a place that is not in the run.
        """
        words = {"start": 0, "end": self.total, "last": self.reached}
        if target in words:
            self._travel(words[target])
            return self.position
        epoch, batch, event = self._parse_place(target)
        iteration = (epoch - 1) * self.batches + batch
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

    def _parse_place(self, target: str) -> tuple[int, int, int | None]:
        words = target.split(":")
        if len(words) not in (2, 3) or not all(word.isdecimal() for word in words):
            raise CommandError(f"“{target}” is not a place", "use EPOCH:BATCH, EPOCH:BATCH:EVENT, start, end or last")
        epoch, batch = int(words[0]), int(words[1])
        if not 1 <= epoch <= self.epochs or not (1 <= batch <= self.batches or (epoch, batch) == (1, 0)):
            raise CommandError(
                f"“{target}” is not in this run", f"epochs are 1 to {self.epochs}, batches 1 to {self.batches} in each"
            )
        return epoch, batch, int(words[2]) if len(words) == 3 else None

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def tape(self) -> Tape | None:
        """The tape of the cursor's batch, recorded anew if it is not held; None before training or when interrupted."""
        return self._tape(self.iteration) if self.iteration else None

    def first_tape(self) -> Tape | None:
        """The tape of the first batch, without going there: what the graph will be."""
        return self._tape(1) if self.total else None

    def _tape(self, iteration: int, wanted: frozenset[int] = frozenset()) -> Tape | None:
        return self.replay.tape(iteration, self.interrupted, self._report("recording"), wanted)

    def values(self) -> Values:
        """Lookup of names at the cursor."""
        return Values(
            self.naming,
            self.trainer.model,
            self.trainer.optimizer,
            state=lambda: self._known_state(self.iteration),
            tape=self.tape,
            done=self.event,
            scalars=self.scalars(),
            refresh=self._known_tape,
        )

    def _known_state(self, iteration: int) -> Any:
        state = self.replay.state(iteration, self.interrupted)
        if state is None:
            raise HistoryError("the way back was interrupted", "ask again")
        return state

    def _known_tape(self, wanted: frozenset[int]) -> Tape:
        tape = self._tape(self.iteration, wanted)
        if tape is None:
            raise HistoryError("the recording was interrupted", "ask again")
        return tape

    def scalars(self) -> dict[str, Callable[[], Scalar]]:
        """The plain numbers and words of the expression language."""
        place = self.position
        return {
            "loss": lambda: self.loss,
            "accuracy": lambda: self.accuracy,
            "valid_loss": lambda: self._validation(0),
            "valid_accuracy": lambda: self._validation(1),
            "learning_rate": lambda: self.learning_rate,
            "epoch": lambda: place.epoch,
            "batch": lambda: place.batch,
            "iteration": lambda: place.iteration,
        }

    @property
    def loss(self) -> float | None:
        """The cursor's batch's loss, once its loss is done; None before training."""
        return self._metric(self.replay.losses)

    @property
    def accuracy(self) -> float | None:
        """The accuracy of the predictions that the loss was taken on."""
        value = self._metric(self.replay.accuracies)
        return None if value is None or math.isnan(value) else value

    def _metric(self, series: Any) -> float | None:
        if not 0 < self.iteration <= len(series) or not self.loss_is_done():
            return None
        return float(series[self.iteration - 1])

    def loss_is_done(self) -> bool:
        """Whether the cursor is past its batch's loss."""
        if self.event is None:
            return self.iteration > 0
        tape = self.replay.held_tape(self.iteration)
        return tape is not None and "ℒ" in tape.values and self.event >= _number(tape, "ℒ")

    def validation(self) -> tuple[float, float] | None:
        """The latest validation loss and accuracy taken at or before the cursor."""
        finished = (self.iteration - (self.event is not None)) // self.batches
        held = [epochs for epochs in self.replay.validations if epochs <= finished]
        return self.replay.validations[max(held)] if held else None

    def _validation(self, which: int) -> float | None:
        if not self.replay.validations and self.trainer.iteration == 0:
            self.replay.validate(self.interrupted)
        found = self.validation()
        return None if found is None else found[which]

    @property
    def learning_rate(self) -> float:
        """The rate of the cursor's batch; before training, that of the first."""
        finished = self.iteration - (self.event is not None)
        edits = [edit for edit in self.replay.edits if edit.iteration <= finished]
        base = edits[-1].learning_rate if edits else self._first_rate()
        schedule = self.trainer.schedule
        return base if schedule is None else base * schedule(max(1, self.iteration))

    def _first_rate(self) -> float:
        return float(self.replay.history.nearest(0).groups[0]["base_lr"])

    def digest(self) -> str:
        """SHA-256 of parameters, buffers and optimizer state at the cursor."""
        values = self.values()
        held = self.replay.history.at(self.iteration) if self.event is None else None
        if held is not None:
            return digest(self.trainer.model, held.tensors, held.optimizer)
        return digest(self.trainer.model, values.tensors(), values.optimizer_state())

    # ── changing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def set_learning_rate(self, rate: float) -> None:
        """Change the learning rate: from the next batch on, or in the middle of a batch from that batch's start on.

        Raises CommandError for a rate that is not a number above zero.
        """
        if not rate > 0 or not math.isfinite(rate):
            raise CommandError(f"a learning rate of {rate:g} makes no sense", "use a number above 0")
        border = self.iteration - (self.event is not None)
        if not self.replay.go(border, self.interrupted, self._report("replaying")):
            raise HistoryError("the way there was interrupted", "ask again")
        self.replay.forget_after(border)
        self.replay.edits = [e for e in self.replay.edits if e.iteration < border] + [Edit(border, rate)]
        if self.event is not None:
            self._tape(self.iteration)

    # ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def do(self, text: str, id: int = 0) -> Answer:
        """Carry out a line of text; what goes wrong is in the answer's `error`, and nothing is lost."""
        try:
            value, said = carry_out(self, parse(text))
        except EngineError as error:
            details = error.details if isinstance(error, ModelError) else ""
            return Answer(id, text, self.position, error=str(error), details=details)
        if self.replay.divergence:
            said = f"{said}\nwarning: {self.replay.divergence}".strip()
            self.replay.divergence = ""
        return Answer(id, text, self.position, plain_value(value), self.metrics() if value is None else {}, said)

    def metrics(self) -> dict[str, float]:
        """Loss and accuracy of the cursor's batch, and the latest validation, as far as they are known."""
        valid_loss, valid_accuracy = self.validation() or (None, None)
        known = {"loss": self.loss, "accuracy": self.accuracy, "valid_loss": valid_loss, "valid_accuracy": valid_accuracy}
        return {name: value for name, value in known.items() if value is not None}

    def _report(self, label: str) -> Callable[[int, int], None]:
        return lambda done, total: self.progress(label, done, total)


def _number(tape: Tape, name: str) -> int:
    event = tape.values[name].event
    return event.number if event is not None else 0
