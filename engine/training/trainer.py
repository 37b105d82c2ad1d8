"""Runs mini-batches, plainly or with a recorder looking on, and can be put back to any captured State."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.errors import HistoryError, ModelError
from engine.experiments.data import BatchLoader
from engine.program.modules import Modules
from engine.tape.naming import Naming
from engine.tape.onlooker import Onlooker
from engine.tape.tape import Tape
from engine.training import state as states
from engine.training.calendar import Calendar
from engine.training.classes import accuracy, first_tensor
from engine.training.randomness import OwnRandomness, RandomState
from engine.training.state import State
from engine.users_code import users_code


class Batch(NamedTuple):
    """A mini-batch as the loader gave it."""

    inputs: tuple[Any, ...]
    targets: Any


class Result(NamedTuple):
    """What a mini-batch came to."""

    loss: float
    output: Any
    targets: Any


class Trainer:
    """A model in training: `epoch` and `batch` are those last done, `iteration` counts batches over all epochs."""

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Optimizer,
        loader: Iterable[Any],
        schedule: Callable[[int], float] | None = None,
        epochs: int = 1,
    ) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.loader = loader
        self.schedule = schedule
        self.calendar = Calendar(epochs, count_batches(loader))
        self.epoch_batch_size = self.batch_size
        self.replace_optimizer(optimizer)
        self.epoch, self.batch, self.iteration = 1, 0, 0
        self.owner: object = None  # the branch whose state this is
        self._iterator: Iterator[Any] | None = None
        self._epoch_random: RandomState | None = None
        self.at_work = OwnRandomness()
        self._captured_random: RandomState | None = None  # of the state captured last
        self._seconds, self._batches_timed = 0.0, 0
        self._names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.parameter_names = frozenset(self._names.values())

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
    def base_rate(self) -> float:
        """The learning rate before its schedule."""
        return float(self.optimizer.param_groups[0]["base_lr"])

    def undo_update(self, before: State) -> None:
        """Put parameters, buffers and optimizer state back, staying after the batch."""
        states.restore_tensors(self.model, before.tensors)
        states.restore_optimizer(self.optimizer, before.optimizer, before.groups)

    @property
    def epoch_is_done(self) -> bool:
        """Whether the batch done last is its epoch's last."""
        return self.batch == self.calendar.batches(self.epoch)

    def replace_optimizer(self, optimizer: Optimizer) -> None:
        """Let another optimizer make the updates; a schedule multiplies the rate that it has now."""
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("base_lr", group["lr"])  # travels with the captured groups

    # ── one batch ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def train(self) -> Result:
        """Run the next mini-batch, unrecorded. Raises ModelError if the user's code does."""
        began = time.perf_counter()
        batch = self.load()
        with users_code("training on a batch"):
            output = self.forward(batch)
            loss = self.loss(output, batch.targets)
            _check_loss(loss)
            loss.backward()
            self.optimizer.step()
        self._seconds += time.perf_counter() - began
        self._batches_timed += 1
        return Result(loss.item(), output, batch.targets)

    def record(
        self, naming: Naming, before: State, budget: int, wanted: frozenset[int] = frozenset()
    ) -> tuple[Tape, Result]:
        """Run the next mini-batch with a recorder looking on. Raises ModelError if the user's code does."""
        tape = Tape(before)
        batch = self.load()
        modules = Modules.of(self.model)
        onlooker = Onlooker(tape, naming, modules, {"": self.optimizer}, budget, wanted)
        onlooker.load(batch, batch.inputs, batch.targets)
        with users_code("training on a batch"), onlooker:
            output = self.forward(batch)
            loss = self.loss(output, batch.targets)
            _check_loss(loss)
            loss.backward()
            self.optimizer.step()
        onlooker.finish({"": loss})
        tape.loss, tape.indices, tape.targets = loss.item(), self.indices(), batch.targets
        tape.output, tape.inputs = first_tensor(output), batch.inputs
        tape.accuracy = accuracy(output, batch.targets)
        return tape, Result(tape.loss, output, batch.targets)

    def load(self) -> Batch:
        """The next mini-batch, of the next epoch where one ends; gradients are cleared and the rate is set."""
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
        self.batch += 1
        self.iteration += 1
        if self.schedule is not None:
            factor = self.schedule(self.iteration)
            for group in self.optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
        self.optimizer.zero_grad(set_to_none=True)
        return Batch(*split_batch(item))

    def indices(self) -> list[int]:
        """Places in the data set, from 1, of the examples loaded last; empty where the loader does not tell."""
        indices = getattr(self._iterator, "indices", None)
        return [] if indices is None else list(indices.tolist())

    def forward(self, batch: Batch) -> Any:
        """The model's output on a batch."""
        return self.model(*batch.inputs)

    def _begin_epoch(self) -> None:
        if self.epoch_is_done:
            self.epoch, self.batch = self.epoch + 1, 0
        self._epoch_random = RandomState.capture(self.generator)
        self.epoch_batch_size = self.batch_size
        with users_code("starting the loader"):
            self._iterator = iter(self.loader)

    # ── states ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def capture(self) -> State:
        """A copy of everything, at the border between two batches."""
        tensors, optimizer = states.capture_tensors(self.model), states.capture_optimizer(self.optimizer)
        self._captured_random = RandomState.capture(self.generator).unless_same(self._captured_random)
        return State(
            self.epoch,
            self.batch,
            self.iteration,
            tensors,
            optimizer,
            states.capture_groups(self.optimizer),
            self._captured_random,
            self._epoch_random if self._iterator is not None else None,
            tuple(module.training for module in self.model.modules()),
            tuple(parameter.requires_grad for parameter in self.model.parameters()),
            self.optimizer,
            self.batch_size,
            self.epoch_batch_size,
            states.size_of(tensors, optimizer),
        )

    def restore(self, state: State) -> None:
        """Go back (or on) to a captured state."""
        self.optimizer = state.optimizer_object
        states.restore_tensors(self.model, state.tensors)
        for parameter, required in zip(self.model.parameters(), state.requires_grad, strict=True):
            parameter.requires_grad_(required)
        states.restore_optimizer(self.optimizer, state.optimizer, state.groups)
        for module, training in zip(self.model.modules(), state.training, strict=True):
            module.training = training
        self.epoch, self.batch, self.iteration = state.epoch, state.batch, state.iteration
        self._iterator, self._epoch_random = None, None
        self._set_batch_size(state.epoch_batch_size)
        self.epoch_batch_size = state.epoch_batch_size
        if state.epoch_random is not None and state.batch < self.calendar.batches(state.epoch):
            state.epoch_random.restore(self.generator)
            self._epoch_random = state.epoch_random
            self._iterator = iter(self.loader)
            skip(self._iterator, state.batch)
        self._set_batch_size(state.batch_size)
        state.random.restore(self.generator)

    def _set_batch_size(self, size: int | None) -> None:
        if size is not None and isinstance(self.loader, BatchLoader):
            self.loader.batch_size = size

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Whatever is computed inside leaves random streams, buffers and train/eval mode as they were."""
        random = RandomState.capture(self.generator)
        buffers = {name: buffer.clone() for name, buffer in states.all_buffers(self.model).items()}
        training = [(module, module.training) for module in self.model.modules()]
        try:
            yield
        finally:
            random.restore(self.generator)
            for name, buffer in states.all_buffers(self.model).items():
                buffer.copy_(buffers[name])
            for module, mode in training:
                module.training = mode

    def validate(
        self, batches: Iterable[Any], interrupted: Callable[[], bool] = lambda: False
    ) -> tuple[float, float] | None:
        """Mean loss and accuracy over a validation partition, changing nothing; None if interrupted on the way.

        Accuracy is NaN where right and wrong are not defined.
        """
        total = loss_sum = right = 0.0
        with self.untouched(), torch.no_grad(), users_code("validating"):
            self.model.eval()
            for item in batches:
                if interrupted():
                    return None
                inputs, targets = split_batch(item)
                output = self.model(*inputs)
                size = len(targets)
                share = accuracy(output, targets)
                loss_sum += float(self.loss(output, targets)) * size
                right += (float("nan") if share is None else share) * size
                total += size
        return (loss_sum / total, right / total) if total else None


def count_batches(loader: Iterable[Any]) -> int:
    """How many mini-batches an epoch has. Raises HistoryError for a loader that can be read only once."""
    if isinstance(loader, Iterator):
        raise HistoryError(
            "the loader is an iterator, which can be read only once",
            "give a list of batches, a DataLoader, or an object whose __iter__ starts again",
        )
    try:
        return len(loader)  # type: ignore[arg-type]
    except TypeError:
        random = RandomState.capture()
        count = sum(1 for _ in loader)
        random.restore()
        return count


def skip(iterator: Iterator[Any], count: int) -> None:
    """Pass over `count` mini-batches, without fetching them where the iterator can do so."""
    own = getattr(iterator, "skip", None)
    if own is not None:
        own(count)
        return
    next_index = getattr(iterator, "_next_index", None)  # a DataLoader without workers draws indices apart from data
    advance = next_index if next_index is not None and not hasattr(iterator, "_workers") else iterator.__next__
    for _ in range(count):
        advance()


def split_batch(item: Any) -> tuple[tuple[Any, ...], Any]:
    """Inputs and targets of what a loader yields, a pair or (input, …, targets). Raises ModelError for others."""
    if isinstance(item, list | tuple) and len(item) >= 2 and not isinstance(item, Mapping):
        inputs = item[:-1]
        if len(inputs) == 1 and isinstance(inputs[0], list | tuple):
            inputs = tuple(inputs[0])
        return tuple(inputs), item[-1]
    raise ModelError(
        f"the loader yields a {type(item).__name__}", "it must yield pairs (inputs, targets), or (input, …, targets)"
    )


def _check_loss(loss: Any) -> None:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise ModelError(f"the loss is {what}", "it must be one number: take its mean or sum")
    if not loss.requires_grad:
        raise ModelError("the loss depends on no parameter", "check that the model's output is not detached")
