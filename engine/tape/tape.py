"""The tape of one mini-batch: every event in execution order, and the values that it read and wrote."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from engine.protocol.positions import Phase, Unit
from engine.protocol.views import Statistics
from engine.tape.operations import Operation
from engine.tape.versions import Versions
from engine.training.classes import accuracy
from engine.training.state import State

_T = TypeVar("_T")


@dataclass(eq=False, slots=True)
class Value:
    """A tensor of the tape.

    `tensor` shares storage with the model's own until an in-place operation is about to overwrite it; it is None for
    parameters, whose value depends on where the cursor stands, and for values past the tape's byte budget.
    `gradient` is ℒ's total gradient towards it, complete once event number `gradient_event` is done.
    """

    name: str = ""
    symbol: str = ""  # X, Y, Z, N, A, D, L, or "" for a value that has no name of its own
    layer: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = ""
    tensor: Tensor | None = None
    parameter: str = ""  # full name, where this is a parameter
    buffer: str = ""
    base: Value | None = None  # the value that this is a view of
    gradient: Tensor | None = None
    gradient_event: int = 0
    statistics: Statistics | None = None  # of a value that the byte budget had no room for
    cut: str = ""  # "detach" or "no_grad", where no gradient comes back through it
    cut_at: str = ""  # FILE:LINE of it
    maker: weakref.ref[Event] | None = None

    @property
    def event(self) -> Event | None:
        """The event that makes it, as long as its tape is held: a tape without circles is gone once it is dropped."""
        return None if self.maker is None else self.maker()

    @event.setter
    def event(self, event: Event | None) -> None:
        self.maker = None if event is None else weakref.ref(event)

    @property
    def nameless(self) -> bool:
        """Whether it has no name that says anything: a constant, the mask of a dropout."""
        return self.name.rstrip("₀₁₂₃₄₅₆₇₈₉") in ("", "c", "mask")

    def root(self) -> Value:
        """The value that this is, or is a view of."""
        value = self
        while value.base is not None:
            value = value.base
        return value


@dataclass(eq=False, slots=True, weakref_slot=True)
class Event:
    """One entry of the tape. `number` counts from 1; bookkeeping has the number of the event that it is folded into."""

    phase: Phase
    op: Operation
    aten: str
    layer: int = 0
    time: int = 0  # which call of a recurrent cell, from 1, this is part of, or prepares; 0 for none
    path: str = ""
    source: str = ""
    number: int = 0
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)  # by the names of the operator's schema; tensors as Values
    gradients_in: tuple[Tensor | None, ...] = ()
    gradients_out: tuple[tuple[Value | None, Tensor | None], ...] = ()
    twin: Event | None = None
    folded: tuple[Event, ...] = ()
    parameter: str = ""  # full name, for an update
    optimizer: str = ""  # that makes an update
    group: int = 0  # its parameter group
    settings: dict[str, Any] = field(default_factory=dict)  # the group's hyper-parameters at this update
    norm: float | None = None  # of all gradients, where they are clipped by it
    changed: tuple[str, ...] = ()  # parameters whose gradients are clipped, unscaled or zeroed


class Loss(NamedTuple):
    """What a backward pass started from. `first` and `last` are the numbers of the pass's events."""

    value: Value
    event: Event | None  # that computes it
    first: int
    last: int
    number: float


class Tape:
    """What one mini-batch did: `before` + events → `after`. Events are made of what was seen when first asked for."""

    def __init__(self, before: State) -> None:
        self.before = before
        self.after: State = before  # as the updates left it
        self.border: State = before  # with the edits made at the border after it
        self._versions = self._empty_versions()
        self._losses: dict[str, Loss] = {}
        self.carried: dict[str, Tensor] = {}  # gradients, and what else no State holds, as the batch found them
        self.places: dict[tuple[str, str], int] = {}  # (optimizer, full name) → index of the parameter there
        self._events: list[Event] = []
        self._values: dict[str, Value] = {}
        self.aside: list[Event] = []  # bookkeeping that is folded into no event
        self._build: Callable[[Tape], None] | None = None
        self.pass_from_nothing = ""  # FILE:LINE of a backward pass from a tensor that no operation made
        self.inputs: tuple[Tensor, ...] = ()
        self.targets: Tensor | None = None
        self.output: Tensor | None = None
        self.boundary = 0.5  # above which one output an example means class 1
        self.rows: Tensor | None = None  # places in the data set, from 1, of the examples
        self.loss = float("nan")
        self.bytes = 0
        self._computed: dict[str, Any] = {}  # norms, ratios and the like
        self.example_losses: list[float] | None = None  # computed on demand, as is
        self.input_gradient: Tensor | None = None  # ℒ's, towards the batch's first input

    def _empty_versions(self) -> Versions:
        tape = weakref.proxy(self)
        return Versions(lambda key: tape._first(key), lambda key: tape._last(key))

    def __getstate__(self) -> dict[str, Any]:
        """For another process of the same run: as it is when it is built."""
        held = {key: item for key, item in vars(self.built()).items() if key not in ("versions", "_computed")}
        return {**held, "_versions": self._versions.puts()}

    def __setstate__(self, held: dict[str, Any]) -> None:
        puts = held.pop("_versions")
        self.__dict__.update(held, _versions=self._empty_versions(), _computed={})
        self._versions.put_all(puts)

    def defer(self, build: Callable[[Tape], None], size: int) -> None:
        """Let events, values and versions be made by `build` when asked for; the tape is about `size` bytes."""
        self._build, self.bytes = build, size

    def built(self) -> Tape:
        """Itself, made of what was seen if that is still to be done."""
        if self._build is not None:
            build, self._build, self.bytes = self._build, None, 0
            build(self)
        return self

    @cached_property
    def events(self) -> list[Event]:
        """Every event, in order."""
        return self.built()._events

    @cached_property
    def values(self) -> dict[str, Value]:
        """The latest value of each name."""
        return self.built()._values

    @cached_property
    def losses(self) -> dict[str, Loss]:
        """What backward passes started from, by name, in order."""
        return self.built()._losses

    @cached_property
    def versions(self) -> Versions:
        """What each name held from which event on."""
        return self.built()._versions

    def __len__(self) -> int:
        return len(self.events)

    def once(self, key: str, compute: Callable[[], _T]) -> _T:
        """What `compute` makes of this tape, computed when it is first asked for."""
        if key not in self._computed:
            self._computed[key] = compute()
        found: _T = self._computed[key]
        return found

    @property
    def indices(self) -> list[int]:
        """Places in the data set, from 1, of the examples; empty where the loader does not tell."""
        return self.once("indices", lambda: [] if self.rows is None else list(self.rows.tolist()))

    @property
    def accuracy(self) -> float | None:
        """Of the predictions that the loss was taken on; None for no classes."""
        return self.once("accuracy", lambda: accuracy(self.output, self.targets, self.boundary))

    @property
    def size(self) -> int:
        """Examples in the batch; 0 where they cannot be counted."""
        found = (t for t in (*self.inputs, self.targets) if isinstance(t, Tensor) and t.dim() > 0)
        return next((len(tensor) for tensor in found), 0)

    def add(self, event: Event) -> None:
        """Append an event, giving it its number."""
        self.events.append(event)
        event.number = len(self.events)

    def phases(self) -> list[tuple[Phase, int]]:
        """Each stretch of a phase with its number of events, in order; a phase may come several times."""
        return [(phase, len(list(events))) for phase, events in groupby(e.phase for e in self.events)]

    def borders(self, unit: Unit) -> list[int]:
        """The numbers of done events at which a unit ends, the last being the whole batch."""
        if unit is Unit.OP:
            return list(range(1, len(self) + 1))
        if unit in (Unit.BATCH, Unit.EPOCH):
            return [len(self)]
        keys = [self._stretch(event, unit) for event in self.events]
        return [i for i in range(1, len(keys) + 1) if i == len(keys) or keys[i] != keys[i - 1]]

    @staticmethod
    def _stretch(event: Event, unit: Unit) -> tuple[Phase, int, int]:
        """What the events of one unit have in common."""
        if unit is Unit.TIME and event.time:  # of stacked cells, each has its own layer
            return event.phase, 0, event.time
        return event.phase, 0 if unit is Unit.PHASE else event.layer, 0

    def named(self) -> Iterator[Value]:
        """Every value that has a name."""
        yield from self.values.values()

    def updates(self) -> dict[str, int]:
        """Parameter's full name → number of the last event that updates it."""
        return self.once("updates", lambda: {e.parameter: e.number for e in self.events if e.parameter})

    def updated(self, parameter: str, done: int) -> int:
        """The last event up to `done` that updates a parameter; 0 if none does."""
        events = self.once("all updates", self._all_updates).get(parameter, [])
        return max((number for number in events if number <= done), default=0)

    def _all_updates(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for event in self.events:
            if event.parameter:
                found.setdefault(event.parameter, []).append(event.number)
        return found

    def loss_of(self, event: Event) -> str:
        """The name of the loss whose backward pass an event is part of; "" where it is of none."""
        number = event.number
        return next((name for name, loss in self.losses.items() if loss.first <= number <= loss.last), "")

    # ── gradients and states ──────────────────────────────────────────────────────────────────────────────────────────

    def gradient(self, full_name: str) -> tuple[Tensor, int] | None:
        """A parameter's gradient as the batch left it before its last update, and the event that completes it."""
        last = self.updates().get(full_name, len(self))
        found = self.versions.newest(f"d{full_name}", last) or self.versions.newest(f"d{full_name}", len(self))
        return None if found is None else (found[1], found[0])

    def gradients(self) -> dict[str, tuple[Tensor, int]]:
        """That of every parameter that has one, by full name."""
        found = {name: self.gradient(name) for name in (*self.before.tensors, *self.built().carried)}
        return {name: each for name, each in found.items() if each is not None}

    def _first(self, key: Any) -> Any:
        if isinstance(key, str):
            return self.carried[key] if key in self.carried else self.before.tensors[key]
        return self._of_optimizer(self.before, key)

    def _last(self, key: Any) -> Any:
        return self.after.tensors[key] if isinstance(key, str) else self._of_optimizer(self.after, key)

    def _of_optimizer(self, state: State, key: tuple[str, str]) -> dict[str, Any]:
        """What an optimizer keeps of a parameter; nothing is known of one that the program does not name."""
        saved = state.optimizers.get(key[0])
        return {} if saved is None else saved.state.get(self.places[key], {})


def named_values(tape: Tape) -> dict[str, Value]:
    """Every value that any event reads or makes, and what each module gives, by name; of several, the first."""
    return tape.once("every name", lambda: _named_values(tape))


def _named_values(tape: Tape) -> dict[str, Value]:
    found = dict(tape.values)
    modules: dict[str, Value] = {}
    for event in tape.events:
        for part in (*event.folded, event):
            for value in (*part.inputs, *part.outputs):
                if value.name and not (value.parameter or value.buffer):
                    found.setdefault(value.name, value)
            if part.phase is Phase.FORWARD and part.outputs and not part.outputs[0].root().parameter:
                _give(modules, part)
    return {**modules, **found}


def _give(modules: dict[str, Value], event: Event) -> None:
    """The last value made in a module is what it gives, unless one of its own has a symbol: an LSTM's steps, Z[1]."""
    path = event.path
    while path:
        made, known = event.outputs[0], modules.get(path)
        if known is None or made.symbol or not (known.symbol and known.event and known.event.path == path):
            modules[path] = made
        path = path.rpartition(".")[0]
