"""The tape of one mini-batch: every event in execution order, and the values that it read and wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import Tensor

from engine.protocol.positions import Phase, Unit
from engine.protocol.views import Statistics
from engine.tape.operations import Operation
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
    event: Event | None = None  # that makes it
    needs_gradient: bool = False
    gradient: Tensor | None = None
    gradient_event: int = 0
    statistics: Statistics | None = None  # of a value that the byte budget had no room for

    def root(self) -> Value:
        """The value that this is, or is a view of."""
        value = self
        while value.base is not None:
            value = value.base
        return value


@dataclass(eq=False, slots=True)
class Event:
    """One entry of the tape. `number` counts from 1; bookkeeping has the number of the event that it is folded into."""

    phase: Phase
    op: Operation
    aten: str
    layer: int = 0
    path: str = ""
    source: str = ""
    number: int = 0
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()
    gradients_in: tuple[Tensor | None, ...] = ()
    gradients_out: tuple[tuple[Value | None, Tensor | None], ...] = ()
    twin: Event | None = None
    folded: tuple[Event, ...] = ()
    parameter: str = ""  # full name, for an update
    buffers: dict[str, Tensor] = field(default_factory=dict)  # what this event left in the model's buffers


class Tape:
    """What one mini-batch did: `before` + events → `after`."""

    def __init__(self, before: State) -> None:
        self.before = before
        self.after: State = before  # as the updates left it
        self.border: State = before  # with the edits made at the border after it
        self.events: list[Event] = []
        self.values: dict[str, Value] = {}  # the latest value of each name
        self.inputs: tuple[Tensor, ...] = ()
        self.targets: Tensor | None = None
        self.output: Tensor | None = None
        self.indices: list[int] = []
        self.loss = float("nan")
        self.accuracy: float | None = None  # of the predictions that the loss was taken on; None for no classes
        self.parameter_gradients: dict[str, tuple[Tensor, int]] = {}  # full name → gradient, event that completes it
        self.bytes = 0
        self.statistics: dict[str, Statistics] = {}  # computed so far, by name
        self._computed: dict[str, Any] = {}  # norms, ratios and the like
        self.example_losses: list[float] | None = None  # computed on demand, as is
        self.input_gradient: Tensor | None = None  # ℒ's, towards the batch's first input
        self._updates: tuple[int, dict[str, int]] = 0, {}  # for so many events

    def __len__(self) -> int:
        return len(self.events)

    def once(self, key: str, compute: Callable[[], _T]) -> _T:
        """What `compute` makes of this tape, computed when it is first asked for."""
        if key not in self._computed:
            self._computed[key] = compute()
        found: _T = self._computed[key]
        return found

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
        """Each phase with its number of events, in order."""
        return [
            (phase, count) for phase, count in ((p, sum(e.phase == p for e in self.events)) for p in Phase) if count
        ]

    def borders(self, unit: Unit) -> list[int]:
        """The numbers of done events at which a unit ends, the last being the whole batch."""
        if unit is Unit.OP:
            return list(range(1, len(self) + 1))
        if unit in (Unit.BATCH, Unit.EPOCH):
            return [len(self)]
        keys = [(e.phase, e.layer if unit is Unit.LAYER else 0) for e in self.events]
        return [i for i in range(1, len(keys) + 1) if i == len(keys) or keys[i] != keys[i - 1]]

    def named(self) -> Iterator[Value]:
        """Every value that has a name."""
        yield from self.values.values()

    def updates(self) -> dict[str, int]:
        """Parameter's full name → number of the event that updates it."""
        if self._updates[0] != len(self.events):
            self._updates = len(self.events), {e.parameter: e.number for e in self.events if e.parameter}
        return self._updates[1]
