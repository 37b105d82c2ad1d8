"""Runs mini-batches, plainly or with a recorder looking on, and can be put back to any captured State.

Longer than others: what a batch depends on is captured, and put back, beside what changes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.errors import HistoryError
from engine.experiments.data import BatchLoader
from engine.program.batches import tensors_in
from engine.program.devices import Unsure, accelerators_of, prefer_determinism
from engine.program.groups import Groups
from engine.program.held import Held
from engine.program.loaders import check_loader, count_batches, skip, unwritten
from engine.program.program import Outcome, Program, Supervised
from engine.program.surroundings import Surroundings
from engine.tape.naming import Naming
from engine.tape.onlooker import Onlooker
from engine.tape.tape import Tape
from engine.training import state as states
from engine.training.calendar import Calendar
from engine.training.classes import accuracy, first_tensor
from engine.training.memory import Memory
from engine.training.randomness import OwnRandomness, RandomState
from engine.training.state import State
from engine.users_code import users_code

_TRAINING, _REQUIRES_GRAD = attrgetter("training"), attrgetter("requires_grad")


class Result(NamedTuple):
    """What a mini-batch came to: losses and scores by name, and the rate of each group that it was trained with."""

    losses: dict[str, float]
    scores: dict[str, float]
    rates: dict[str, float]


class Trainer:
    """A program in training: `epoch` and `batch` are those last done, `iteration` counts batches over all epochs."""

    def __init__(self, program: Program, schedule: Callable[[int], float] | None = None, epochs: int = 1) -> None:
        self.program = program
        self.modules = program.modules
        self.schedule = schedule
        check_loader(program.loader)
        self.calendar = Calendar(epochs, program.batches or count_batches(program.loader))
        self.epoch_batch_size = self.batch_size
        self.groups = Groups(self.modules, program.optimizers)
        self._note_base_rates()
        self.epoch, self.batch, self.iteration = 1, 0, 0
        self.owner: object = None  # the branch whose state this is
        self.beside: AbstractContextManager[object] = nullcontext()  # of each step that is not recorded
        self._iterator: Iterator[Any] | None = None
        self._epoch_random: RandomState | None = None
        self._epoch_held: Held | None = None
        self.at_work = OwnRandomness()
        self._memory = Memory()
        self.accelerators = accelerators_of(tensor for _, tensor in states.named_tensors(self.modules))
        self.on_unsure: Callable[[str], None] = lambda operation: None  # of one that is not deterministic, once
        self._unsure: AbstractContextManager[None] = nullcontext()
        if self.accelerators:
            prefer_determinism()
            self._unsure = Unsure(lambda operation: self.on_unsure(operation))
        self._captured_random: RandomState | None = None  # of the state captured last
        self._seconds, self._batches_timed = 0.0, 0
        self.parameter_names = frozenset(name for name, _ in self.modules.named_parameters())
        self._surroundings = _surroundings(program)
        own_step = not isinstance(program, Supervised)
        renorms = any(getattr(module, "max_norm", None) is not None for module in self.modules.modules())
        self.writes_parameters = own_step or renorms  # looking at it may, as nn.Embedding(max_norm=…) does
        self._loaders = Surroundings({}, loaders={"the loader": self.loader})

    # ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def loader(self) -> Iterable[Any]:
        """What the mini-batches come from."""
        return self.program.loader

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """What makes the updates, by name."""
        return self.program.optimizers

    @property
    def model(self) -> nn.Module:
        """The only model. Raises HistoryError where there are several."""
        if not isinstance(self.program, Supervised):
            raise HistoryError("this program has a step of its own", "ask for its modules")
        return self.program.model

    @property
    def optimizer(self) -> Optimizer:
        """The only optimizer, or the first."""
        return next(iter(self.optimizers.values()))

    @property
    def loss(self) -> Callable[[Any, Any], Tensor]:
        """What model and targets are given to. Raises HistoryError where only the step knows."""
        if not isinstance(self.program, Supervised):
            raise HistoryError("this program has a step of its own", "its losses are what it goes backward from")
        return self.program.loss

    @property
    def generator(self) -> torch.Generator | None:
        """The loader's own random generator, if it has one."""
        generator = getattr(self.loader, "generator", None)
        return generator if isinstance(generator, torch.Generator) else None

    @property
    def batch_size(self) -> int | None:
        """The batch size that the loader's next epoch will have; None where it cannot be changed."""
        return self.loader.batch_size if isinstance(self.loader, BatchLoader) else None

    @property
    def seconds_per_batch(self) -> float:
        """How long a plain batch takes on this machine, so far; 0 before the first."""
        return self._seconds / self._batches_timed if self._batches_timed else 0.0

    @property
    def epoch_is_done(self) -> bool:
        """Whether the batch done last is its epoch's last."""
        return self.batch == self.calendar.batches(self.epoch)

    @property
    def exit_status(self) -> int | None:
        """What the program that is trained ended with; None where it has not ended, or has no status."""
        return None

    def replace_optimizer(self, optimizer: Optimizer, name: str = "") -> None:
        """Let another optimizer make the updates; a schedule multiplies the rate that it has now."""
        self.optimizers[name] = optimizer
        self._regroup()

    def _regroup(self) -> None:
        self.groups = Groups(self.modules, self.optimizers)
        self._note_base_rates()

    def _note_base_rates(self) -> None:
        """What a built-in schedule multiplies; it travels with the captured groups."""
        if self.schedule is None:
            return
        for group in self.groups.all:
            values = self.groups.values(group)
            values.setdefault("base_lr", values["lr"])

    def rates(self) -> dict[str, float]:
        """The learning rate of each group here; with a built-in schedule, that of the batch done last."""
        if self.schedule is None:
            return self.groups.rates()
        factor = self.schedule(max(1, self.iteration))
        return {group.name: float(self.groups.values(group)["base_lr"]) * factor for group in self.groups.all}

    def undo_update(self, before: State) -> None:
        """Put parameters, buffers and optimizer state back, staying after the batch."""
        states.restore_tensors(self.modules, before.tensors, before.empty)
        for saved in before.optimizers.values():
            states.restore_optimizer(saved)

    # ── one batch ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def train(self) -> tuple[Result, Outcome]:
        """Run the next mini-batch, unrecorded. Raises ModelError if the user's code does."""
        began = time.perf_counter()
        batch = self.load()
        rates = self.groups.rates()
        with unwritten(self.loader, batch), users_code("training on a batch"), self._unsure, self.beside:
            outcome = self.program.train(batch)
        self._seconds += time.perf_counter() - began
        self._batches_timed += 1
        return result_of(outcome, rates), outcome

    def record(
        self, naming: Naming, before: State, budget: int, wanted: frozenset[int] = frozenset()
    ) -> tuple[Tape, Result, Outcome]:
        """Run the next mini-batch with a recorder looking on. Raises ModelError if the user's code does."""
        tape = Tape(before)
        loaded = self.load()
        with users_code("loading a batch"):
            batch = self.program.split(loaded)
        inputs, targets = (None, None) if batch is None else batch
        rates, losses = self.groups.rates(), self.program.loss_modules
        onlooker = Onlooker(tape, naming, self.modules, self.optimizers, budget, wanted, losses)
        onlooker.load(loaded, inputs, targets)
        with unwritten(self.loader, loaded), users_code("training on a batch"), self._unsure, onlooker:
            outcome = self.program.train(loaded)
        onlooker.finish(outcome.losses)
        tape.inputs = tuple(tensor for _, tensor in tensors_in(loaded)) if inputs is None else inputs
        self._describe(tape, outcome)
        return tape, result_of(outcome, rates), outcome

    def _describe(self, tape: Tape, outcome: Outcome) -> None:
        loss = outcome.losses.get("") if len(outcome.losses) != 1 else next(iter(outcome.losses.values()))
        tape.loss = float("nan") if loss is None else loss.item()
        tape.output, tape.targets, tape.rows = first_tensor(outcome.output), outcome.targets, self._rows()
        tape.boundary = self.program.boundary

    def load(self) -> Any:
        """The next mini-batch, of the next epoch where one ends; the rate is set, and gradients may go."""
        if self._iterator is None or self.epoch_is_done:
            self._begin_epoch()
        assert self._iterator is not None
        with users_code("loading a batch"):
            try:
                item = next(self._iterator)
            except StopIteration:
                raise HistoryError(
                    f"the loader ended after {self.batch} of {self.calendar.batches(self.epoch)} batches",
                    "give a loader that yields the same number of batches each epoch",
                ) from None
            except BaseException:
                self.owner = None  # its iterator is spent, or has gone on: the next batch begins from a held state
                raise
        self.batch += 1
        self.iteration += 1
        if self.schedule is not None:
            factor = self.schedule(self.iteration)
            for group in self.groups.all:
                values = self.groups.values(group)
                values["lr"] = values["base_lr"] * factor
        self.program.zero_grad()
        return item

    def _rows(self) -> Tensor | None:
        """Places in the data set, from 1, of the examples loaded last; None where the loader does not tell."""
        rows = getattr(self._iterator, "indices", None)
        return rows if isinstance(rows, Tensor) else None

    def _begin_epoch(self) -> None:
        if self.epoch_is_done:
            self.epoch, self.batch = self.epoch + 1, 0
        self._epoch_random, self._epoch_held = RandomState.capture(self.generator), self._loaders.capture()
        self.epoch_batch_size = self.batch_size
        with users_code("starting the loader"):
            self._iterator = iter(self.loader)

    # ── states ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def capture(self) -> State:
        """A copy of everything, at the border between two batches."""
        parts = self.modules.found()
        carried = self.program.keeps_gradients(parts.parameters.values())
        taken = states.capture_all(self._memory, parts, self.optimizers, carried)
        held = self._surroundings.capture()
        self._captured_random = RandomState.capture(self.generator).unless_same(self._captured_random)
        return State(
            self.epoch,
            self.batch,
            self.iteration,
            taken.tensors,
            parts.empty,
            taken.gradients,
            taken.optimizers,
            held,
            self._captured_random,
            self._epoch_random if self._iterator is not None else None,
            self._epoch_held if self._iterator is not None else None,
            tuple(map(_TRAINING, parts.modules.values())),
            tuple(map(_REQUIRES_GRAD, parts.parameters.values())),
            self.batch_size,
            self.epoch_batch_size,
            states.size_of(taken.copies.bytes + held.bytes),
            taken.copies,
        )

    def loader_held(self) -> Held:
        """What the loader holds, where it is."""
        return self._loaders.capture()

    def restore(self, state: State) -> None:
        """Go back (or on) to a captured state."""
        self._restore_optimizers(state)
        states.restore_tensors(self.modules, state.tensors, state.empty)
        for parameter, required in zip(self.modules.parameters(), state.requires_grad, strict=True):
            parameter.requires_grad_(required)
        states.restore_gradients(self.modules, state.gradients)
        for module, training in zip(self.modules.modules(), state.training, strict=True):
            module.training = training
        self.epoch, self.batch, self.iteration = state.epoch, state.batch, state.iteration
        self._restore_loader(state)
        self._surroundings.restore(state.held)
        state.random.restore(self.generator)

    def _restore_optimizers(self, state: State) -> None:
        replaced = any(self.optimizers[name] is not saved.of for name, saved in state.optimizers.items())
        for name, saved in state.optimizers.items():
            self.optimizers[name] = saved.of
            states.restore_optimizer(saved)
        if replaced:
            self._regroup()

    def _restore_loader(self, state: State) -> None:
        self._iterator, self._epoch_random, self._epoch_held = None, None, None
        self._set_batch_size(state.epoch_batch_size)
        self.epoch_batch_size = state.epoch_batch_size
        if state.epoch_random is not None and state.batch < self.calendar.batches(state.epoch):
            state.epoch_random.restore(self.generator)
            if state.epoch_held is not None:
                self._loaders.restore(state.epoch_held)
            self._epoch_random, self._epoch_held = state.epoch_random, state.epoch_held
            with users_code("starting the loader"):
                self._iterator = iter(self.loader)
                skip(self._iterator, state.batch)
        self._set_batch_size(state.batch_size)

    def _set_batch_size(self, size: int | None) -> None:
        if size is not None and isinstance(self.loader, BatchLoader):
            self.loader.batch_size = size

    def differing(self, state: State) -> list[str]:
        """What is not as in a captured state of this place, by name: what a replay did not put back or do again."""
        here = self.capture()
        found = [*here.held.differing(state.held), *here.random.differing(state.random)]
        found += _differing("the gradient of ", here.gradients, state.gradients)
        for name, saved in state.optimizers.items():
            if not states.alike(here.optimizers[name].state, saved.state):
                found.append(f"the state of optimizer {name}".rstrip())
            if not states.alike(here.optimizers[name].groups, saved.groups):
                found.append(f"the hyper-parameters of optimizer {name}".rstrip())
        return found + _differing("", here.tensors, state.tensors)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Whatever is computed inside leaves everything that a batch depends on as it was."""
        random, held = RandomState.capture(self.generator), self._surroundings.capture()
        whole = self.writes_parameters
        tensors = states.capture_tensors(self.modules) if whole else states.capture_buffers(self.modules)
        empty = states.empty_buffers(self.modules)
        gradients = {name: parameter.grad for name, parameter in self.modules.named_parameters()}
        training = [(module, module.training) for module in self.modules.modules()]
        try:
            yield
        finally:
            if whole:
                states.restore_tensors(self.modules, tensors, empty)
            else:
                states.restore_buffers(self.modules, tensors, empty)
            for name, parameter in self.modules.named_parameters():
                parameter.grad = gradients[name]
            for module, mode in training:
                module.training = mode
            self._surroundings.restore(held)
            random.restore(self.generator)

    def validate(
        self, batches: Iterable[Any], interrupted: Callable[[], bool] = lambda: False
    ) -> dict[str, float] | None:
        """Means over a validation partition, by name, changing nothing; None if interrupted on the way.

        Each batch weighs as many examples as it has, or says it has. An accuracy is NaN where right and wrong are not
        defined.
        """
        sums: dict[str, float] = {}
        total = 0
        with self.untouched(), torch.no_grad(), users_code("validating"):
            for module in self.modules.values():
                module.eval()
            for item in batches:
                if interrupted():
                    return None
                score = self.program.score(item)
                numbers = dict(score.numbers)
                if isinstance(self.program, Supervised):
                    share = accuracy(score.output, score.targets, self.program.boundary)
                    numbers["accuracy"] = float("nan") if share is None else share
                for name, number in numbers.items():
                    sums[name] = sums.get(name, 0.0) + number * score.examples
                total += score.examples
        return {name: number / total for name, number in sums.items()} if total else None


def result_of(outcome: Outcome, rates: dict[str, float]) -> Result:
    """What a batch came to, in numbers."""
    losses = {name: float(loss.item()) for name, loss in outcome.losses.items()}
    return Result(losses, outcome.scores, {**rates, **outcome.rates})


def _surroundings(program: Program) -> Surroundings:
    known: list[Any] = [*program.modules.modules(), *program.modules.parameters(), *program.optimizers.values()]
    known += [program, program.modules, program.loader]
    roots: dict[str, Any] = dict(program.modules.named_modules())
    roots |= {f"optimizer {name}".rstrip(): optimizer for name, optimizer in program.optimizers.items()}
    if isinstance(program, Supervised):
        roots["the loss"] = program.loss
    else:
        roots |= {"step": program.step, "validate": program.validate}
    loaders = {"the loader": program.loader}
    return Surroundings(roots, known, loaders, program.state)


def _differing(before: str, here: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> list[str]:
    names = [*here, *(name for name in there if name not in here)]
    return [before + name for name in names if not states.alike(here.get(name), there.get(name))]
