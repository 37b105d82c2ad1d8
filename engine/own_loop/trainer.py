"""Trains by letting a script go on to its next border: a Trainer whose loop is not its own."""

from __future__ import annotations

from typing import Any

from engine.errors import HistoryError, RunOverError
from engine.own_loop.borders import losses_of, script_frames
from engine.own_loop.calendar import OpenCalendar
from engine.own_loop.parts import parts_in_memory
from engine.own_loop.running import Running
from engine.program.batches import tensors_in
from engine.program.groups import Steps
from engine.program.modules import Modules
from engine.program.program import Outcome, Program
from engine.program.surroundings import Surroundings
from engine.tape.naming import Naming
from engine.tape.onlooker import Onlooker
from engine.tape.tape import Tape
from engine.training.state import State
from engine.training.trainer import Result, Trainer, result_of
from engine.users_code import users_code


def program_of(running: Running) -> Program:
    """What a script that stands at its first border trains, as a Program; its step and loader are the script's own."""
    assert running.border is not None
    parts = parts_in_memory(script_frames(running.border.frame))

    def step(batch: Any) -> None:
        raise AssertionError("the loop is the script's own")

    return Program(Modules(parts.modules), parts.optimizers, (), step, batches=1, name=running.command.name)


class ScriptTrainer(Trainer):
    """The trainer of a script that stands at its first border. It goes forward only."""

    def __init__(self, program: Program, running: Running) -> None:
        super().__init__(program)
        self.running = running
        self.calendar: OpenCalendar = OpenCalendar()
        self._surroundings = Surroundings({})  # the script is not put back by copies of what it holds
        self.at_work.have_process()

    def train(self) -> tuple[Result, Outcome]:
        """Let the script run its next batch. Raises ModelError if it does, RunOverError where there is none."""
        rates = self.groups.rates()
        with users_code("training on a batch"), self._unsure, self.beside, self._steps() as steps:
            self.running.go_on()
        outcome = self._arrive(steps)
        return result_of(outcome, rates), outcome

    def record(
        self, naming: Naming, before: State, budget: int, wanted: frozenset[int] = frozenset()
    ) -> tuple[Tape, Result, Outcome]:
        """The same with an onlooker."""
        tape, border = Tape(before), self.running.border
        onlooker = Onlooker(tape, naming, self.modules, self.optimizers, budget, wanted)
        item = None if border is None else border.item
        onlooker.load(item, None, None)
        rates = self.groups.rates()
        self.running.onlooker = onlooker
        try:
            with users_code("training on a batch"), self._unsure, self._steps() as steps, onlooker:
                self.running.go_on()
        finally:
            self.running.onlooker = None
        outcome = self._arrive(steps)
        onlooker.finish(outcome.losses)
        tape.inputs = tuple(tensor for _, tensor in tensors_in(item))
        self._describe(tape, outcome)
        return tape, result_of(outcome, rates), outcome

    def _steps(self) -> Steps:
        return Steps(self.modules, self.optimizers)

    def _arrive(self, steps: Steps) -> Outcome:
        running, calendar = self.running, self.calendar
        if not running.ended or running.borders.losses:
            self.iteration += 1
            calendar.expected = running.borders.expected
            begins = running.border is not None and running.border.begins_epoch
            calendar.note(self.iteration, ends_epoch=begins)
            self.epoch, self.batch = calendar.place(self.iteration)
        if running.ended:
            calendar.end()
            if not running.borders.losses:
                raise RunOverError(f"{running.command.name} has ended after {self.iteration} batches", "go back with b")
        return Outcome(losses_of(running.borders), {}, rates=steps.rates)

    @property
    def exit_status(self) -> int | None:
        """The script's, once it has ended."""
        return self.running.status

    def load(self) -> Any:
        """The script loads its batches itself."""
        raise AssertionError("the loop is the script's own")

    def restore(self, state: State) -> None:
        """A script goes forward only. Raises HistoryError."""
        raise HistoryError(
            f"batch {self.iteration} is as far back as this script can be put",
            "look into the batches whose tapes are held: those recorded last",
        )
