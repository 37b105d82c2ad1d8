"""A training program: what is stepped. Four things, model, loss, optimizer and loader, or a step of the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from engine.errors import ModelError
from engine.program.backwards import Backwards
from engine.program.batches import Batch, examples_in, split_batch
from engine.program.copies import alike
from engine.program.groups import Steps
from engine.program.loose import loose_parameters
from engine.program.modules import Modules


class Outcome(NamedTuple):
    """What a mini-batch came to: losses and other numbers by name, `""` being the bare loss.

    Output and targets are None where the step keeps them to itself.
    """

    losses: dict[str, Tensor]
    scores: dict[str, float]
    output: Any = None
    targets: Any = None
    rates: Mapping[str, float] = MappingProxyType({})  # that the step set itself, by group


class Score(NamedTuple):
    """What one batch of validation came to, and how many examples it has."""

    numbers: dict[str, float]
    examples: int
    output: Any = None
    targets: Any = None


@dataclass
class Program:
    """Modules and optimizers by name, a loader, and `step(batch)`: one mini-batch as the user wrote it.

    `step` clears gradients, goes forward and backward and updates as often as it likes; it returns a loss, a dict of
    named losses and scores, or nothing. `state` holds by name what else has `state_dict` and `load_state_dict`
    (schedulers, scalers, averages, samplers). `validate(batch)` returns a score or a dict of them, or a pair of that
    and the number of examples. `batches` is the number per epoch, for loaders without end.
    """

    modules: Modules
    optimizers: dict[str, Optimizer]
    loader: Iterable[Any]
    step: Callable[[Any], Any]
    state: dict[str, Any] = field(default_factory=dict)
    validation: Iterable[Any] | None = None
    validate: Callable[[Any], Any] | None = None
    batches: int | None = None
    name: str = ""
    epochs: int | None = None

    def __post_init__(self) -> None:
        own = {name: part for name, part in self._functions().items() if part is not None}
        self.modules = Modules(self.modules, loose_parameters(self.modules, self.optimizers, own))

    def _functions(self) -> dict[str, Any]:
        """The user's own, by name."""
        return {"step": self.step, "validate": self.validate}

    @property
    def loss_modules(self) -> tuple[nn.Module, ...]:
        """Modules whose operations belong to the loss."""
        return ()

    @property
    def boundary(self) -> float:
        """Above which one output an example means class 1."""
        return 0.5

    def keeps_gradients(self, parameters: Iterable[Tensor]) -> bool:
        """Whether a batch may go on with the gradients that the one before left in some of these, the program's own."""
        return True

    def zero_grad(self) -> None:
        """What is done before the step, and is no part of it: a step of the user's own does it itself."""

    def split(self, batch: Any) -> Batch | None:
        """Inputs and targets of a batch; None where only the step knows."""
        return None

    def train(self, batch: Any) -> Outcome:
        """Run one mini-batch. Raises ModelError for what a step must not return."""
        with Backwards() as backwards, Steps(self.modules, self.optimizers) as steps:
            returned = self.step(batch)
        return _outcome(returned, backwards.losses)._replace(rates=steps.rates)

    def score(self, batch: Any) -> Score:
        """Validate on one batch."""
        assert self.validate is not None
        return _score(self.validate(batch))

    def end_epoch(self, valid_loss: float | None) -> None:
        """What is stepped once an epoch."""

    @property
    def steps_epochs(self) -> bool:
        """Whether anything is stepped once an epoch."""
        return False


class Supervised(Program):
    """Model, loss, optimizer and loader, in the loop that everyone writes."""

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Optimizer,
        loader: Iterable[Any],
        *,
        validation: Iterable[Any] | None = None,
        schedulers: Iterable[tuple[Any, str]] = (),
        batches: int | None = None,
        name: str = "",
        epochs: int | None = None,
    ) -> None:
        own = isinstance(loss, nn.Module) and any(True for _ in (*loss.parameters(), *loss.buffers()))
        modules: dict[str, nn.Module] = {"": model}
        if own and loss not in list(model.modules()):
            modules["loss"] = loss  # type: ignore[assignment]
        self.model, self.loss = model, loss
        self.spreads = False  # whether a list of inputs, seen last, was spread over the model's arguments
        self._asked: Optimizer | None = None
        self._needs = False
        self.schedulers = list(schedulers)  # with "epoch" or "batch"
        state = {f"scheduler{n or ''}": scheduler for n, (scheduler, _) in enumerate(self.schedulers)}
        super().__init__(
            Modules(modules), {"": optimizer}, loader, self._step, state, validation, None, batches, name, epochs
        )

    def _functions(self) -> dict[str, Any]:
        return {"loss": self.loss}

    @property
    def optimizer(self) -> Optimizer:
        """The one that makes the updates; an edit may replace it."""
        return self.optimizers[""]

    @property
    def loss_modules(self) -> tuple[nn.Module, ...]:
        """The loss, where it has parameters and so is among the modules."""
        return (self.modules["loss"],) if "loss" in self.modules else ()

    @property
    def boundary(self) -> float:
        """0 for a loss that takes the output as a logit, else ½."""
        loss: Any = self.loss
        logits = isinstance(loss, nn.BCEWithLogitsLoss) or loss is functional.binary_cross_entropy_with_logits
        return 0.0 if logits else 0.5

    def keeps_gradients(self, parameters: Iterable[Tensor]) -> bool:
        """Only an optimizer with a zero_grad of its own, or one that leaves parameters out, lets any stay."""
        if type(self.optimizer).zero_grad is not Optimizer.zero_grad:
            return True
        cleared = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        return any(id(parameter) not in cleared and parameter.requires_grad for parameter in parameters)

    def zero_grad(self) -> None:
        """Drop the gradients of the batch before."""
        self.optimizer.zero_grad(set_to_none=True)

    def split(self, batch: Any) -> Batch:
        """Inputs and targets."""
        found = split_batch(batch, self.model.forward)
        self.spreads = len(found.inputs) != len(batch) - 1 or found.inputs[0] is not batch[0]
        return found

    def train(self, batch: Any) -> Outcome:
        """Forward, loss, backward, update."""
        if not self.optimizer._optimizer_step_pre_hooks:
            return self._train(batch)
        with Steps(self.modules, self.optimizers) as steps:  # a hook of the user's own may set the rate
            outcome = self._train(batch)
        return outcome._replace(rates=steps.rates)

    def _train(self, batch: Any) -> Outcome:
        inputs, targets = self.split(batch)
        passes: list[tuple[Any, Tensor]] = []

        def forward_and_backward() -> Tensor:
            output = self.model(*inputs)
            loss = self.loss(output, targets)
            _check_loss(loss)
            loss.backward()
            passes.append((output, loss))
            return loss

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            return forward_and_backward()

        if self._closes():
            self.optimizer.step(closure)  # type: ignore[arg-type]  # torch takes a Tensor as well
        else:
            forward_and_backward()
            self.optimizer.step()
        output, loss = passes[0]
        for scheduler, when in self.schedulers:
            if when == "batch":
                _step_scheduler(scheduler, loss)
        return Outcome({"": loss}, {}, output, targets)

    def _closes(self) -> bool:
        if self._asked is not self.optimizer:  # an edit may have replaced it
            self._asked, self._needs = self.optimizer, needs_closure(self.optimizer)
        return self._needs

    def _step(self, batch: Any) -> Tensor:
        return self.train(batch).losses[""]

    def score(self, batch: Any) -> Score:
        """The loss of a batch in evaluation mode."""
        inputs, targets = self.split(batch)
        output = self.model(*inputs)
        loss = float(self.loss(output, targets))
        return Score({"loss": loss}, examples_in(targets, inputs) or 1, output, targets)

    @property
    def steps_epochs(self) -> bool:
        """Whether a scheduler is stepped once an epoch."""
        return any(when == "epoch" for _, when in self.schedulers)

    def end_epoch(self, valid_loss: float | None) -> None:
        """Step the schedulers that are stepped once an epoch; ReduceLROnPlateau takes the validation's loss."""
        for scheduler, when in self.schedulers:
            if when == "epoch":
                _step_scheduler(scheduler, valid_loss)


def needs_closure(optimizer: Optimizer) -> bool:
    """Whether an optimizer computes the loss again and again in a step, as LBFGS does."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _step_scheduler(scheduler: LRScheduler | ReduceLROnPlateau, metric: Any) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        if metric is None:
            raise ModelError("ReduceLROnPlateau has no validation loss to go by", "return a validation loader, too")
        scheduler.step(metric.detach() if isinstance(metric, Tensor) else metric)
    else:
        scheduler.step()


def _check_loss(loss: Any) -> None:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise ModelError(f"the loss is {what}", "it must be one number: take its mean or sum")
    if not loss.requires_grad:
        raise ModelError("the loss depends on no parameter", "check that the model's output is not detached")


def _outcome(returned: Any, backwards: list[Tensor]) -> Outcome:
    """Which of the returned numbers are losses is not guessed: those that have a graph, or that a backward began from.

    Without any, the loss is what the last backward began from.
    """
    if isinstance(returned, Mapping):
        losses, scores = _told_apart(returned, backwards)
        if losses or not backwards:
            return Outcome(losses, scores)
        return Outcome({"": backwards[-1]}, scores)
    if returned is not None:
        return Outcome({"": _one_number("", returned)}, {})
    return Outcome({"": backwards[-1]} if backwards else {}, {})


def _told_apart(returned: Mapping[Any, Any], backwards: list[Tensor]) -> tuple[dict[str, Tensor], dict[str, float]]:
    losses, scores = {}, {}
    for key, item in returned.items():
        name = str(key)
        value = _one_number(name, item)
        began = next((tensor for tensor in backwards if alike(value.item(), tensor.item())), None)
        if value.requires_grad:
            losses[name] = value
        elif began is not None:
            losses[name] = began
        else:
            scores[name] = float(value)
    return losses, scores


def _one_number(name: str, item: Any) -> Tensor:
    if isinstance(item, Tensor) and item.numel() == 1:
        return item
    if isinstance(item, int | float) or (hasattr(item, "__float__") and not isinstance(item, Tensor)):
        return torch.tensor(float(item), dtype=torch.float64)
    what = f"a tensor of shape {tuple(item.shape)}" if isinstance(item, Tensor) else f"a {type(item).__name__}"
    raise ModelError(
        f"step returned {what}" + (f" as {name}" if name else ""),
        "it may return a loss, a dict of losses and scores, each one number, or nothing",
    )


def _score(returned: Any) -> Score:
    examples = 1
    if isinstance(returned, tuple) and len(returned) == 2:
        returned, count = returned
        examples = int(count)
    if not isinstance(returned, Mapping):
        returned = {"loss": returned}
    return Score({str(name): float(_one_number(str(name), item)) for name, item in returned.items()}, examples)
