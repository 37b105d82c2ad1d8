"""Gets a training run to any batch: forward by training, back by restoring a State and replaying."""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from engine.edits import Edit
from engine.history import History
from engine.naming import Naming
from engine.state import State
from engine.tape import Tape
from engine.trainer import Result, Trainer

_TAPES_KEPT = 4


class Replay:
    """The run so far: its metrics, its history, and a trainer that stands somewhere in it.

    `losses` and `accuracies` hold one number for each batch run, in order (accuracy NaN where it is not defined);
    `validations` holds (loss, accuracy) by the number of epochs done, 0 being before training.
    """

    def __init__(
        self, trainer: Trainer, naming: Naming, validation: Iterable[Any] | None, history_bytes: int, tape_bytes: int
    ) -> None:
        self.trainer = trainer
        self.naming = naming
        self.history = History(history_bytes)
        self.losses = array("d")
        self.accuracies = array("d")
        self.validations: dict[int, tuple[float, float]] = {}
        self.divergence = ""
        self.edits: list[Edit] = []
        self._validation = validation
        self._tape_bytes = tape_bytes
        self._tapes: OrderedDict[int, Tape] = OrderedDict()
        with trainer.at_work():
            self.history.add_checkpoint(trainer.capture())

    @property
    def furthest(self) -> int:
        """The last batch ever reached, counted over all epochs."""
        return len(self.losses)

    # ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def train_batch(self) -> Result:
        """Run the trainer's next batch, unrecorded."""
        with self.trainer.at_work():
            self._apply_edits()
            result = self.trainer.train()
            self._after(result)
        return result

    def record_batch(self, wanted: frozenset[int] = frozenset()) -> Tape:
        """Run the trainer's next batch and keep its tape and the states around it."""
        with self.trainer.at_work():
            edited = self._apply_edits()
            held = None if edited else self.history.at(self.trainer.iteration)
            tape, result = self.trainer.record(self.naming, held or self._keep_here(), self._tape_bytes, wanted)
            tape.after = self._keep_here()
            self._after(result)
        self._keep_tape(tape)
        return tape

    def _keep_tape(self, tape: Tape) -> None:
        self._tapes[self.trainer.iteration] = tape
        self._tapes.move_to_end(self.trainer.iteration)
        while len(self._tapes) > 1 and (len(self._tapes) > _TAPES_KEPT or self._tape_sizes() > 1.5 * self._tape_bytes):
            self._tapes.popitem(last=False)

    def _tape_sizes(self) -> int:
        return sum(tape.bytes for tape in self._tapes.values())

    def _apply_edits(self) -> bool:
        if self.trainer.iteration == 0:
            self.validate()
        due = [edit for edit in self.edits if edit.iteration == self.trainer.iteration]
        for edit in due:
            edit.apply(self.trainer)
        return bool(due)

    def validate(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Take validation loss and accuracy where the trainer stands, if they belong there and are missing."""
        trainer = self.trainer
        epochs = trainer.epoch if trainer.batch == trainer.batches else 0
        due = trainer.iteration == 0 or epochs > 0
        if self._validation is None or not due or epochs in self.validations:
            return
        with trainer.at_work():
            outcome = trainer.validate(self._validation, interrupted)
        if outcome is not None:
            self.validations[epochs] = outcome

    def _after(self, result: Result) -> None:
        iteration = self.trainer.iteration
        accuracy = math.nan if result.accuracy is None else result.accuracy
        if iteration > len(self.losses):
            self.losses.append(result.loss)
            self.accuracies.append(accuracy)
        elif not _same(self.losses[iteration - 1], result.loss):
            self._diverged(iteration, result.loss)
            self.losses[iteration - 1] = result.loss
            self.accuracies[iteration - 1] = accuracy
        if self.history.wants(iteration):
            self.history.add_checkpoint(self.trainer.capture())

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
        """Bring the trainer to the end of a batch; False if interrupted on the way.

        `keep` holds the states passed through, for a walk back.
        """
        with self.trainer.at_work():
            here = self._start_for(iteration)
            for done in range(here, iteration):
                if interrupted():
                    return False
                progress(done - here, iteration - here)
                self.train_batch()
                self.validate(interrupted)
                if keep:
                    self._keep_here()
        return True

    def _start_for(self, iteration: int) -> int:
        """Put the trainer at the nearest place before a batch; where that is."""
        start = self.history.nearest(iteration)
        if self.trainer.iteration > iteration or start.iteration > self.trainer.iteration:
            self.trainer.restore(start)
        return self.trainer.iteration

    def state(self, iteration: int, interrupted: Callable[[], bool] = lambda: False) -> State | None:
        """The state at the end of a batch; None if interrupted on the way to it."""
        held = self.history.at(iteration)
        if held is not None:
            return held
        if not self.go(iteration, interrupted, keep=True):
            return None
        with self.trainer.at_work():
            return self.history.at(iteration) or self._keep_here()

    def held_tape(self, iteration: int) -> Tape | None:
        """The tape of a batch, if it is still held."""
        return self._tapes.get(iteration)

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

    def forget_after(self, iteration: int) -> None:
        """Drop what lies after a batch, because from there on the run will differ."""
        self.history.forget_after(iteration)
        del self.losses[iteration:], self.accuracies[iteration:]
        for held in [i for i in self._tapes if i > iteration]:
            del self._tapes[held]
        epochs = iteration // self.trainer.batches
        self.validations = {e: v for e, v in self.validations.items() if e <= epochs}


def _same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))
