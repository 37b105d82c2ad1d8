"""Recurrent cells: modules of which each call is a time step, and what its values are called (course §10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from engine.protocol.positions import Phase

if TYPE_CHECKING:
    from engine.tape.tape import Event, Value


class Cell(NamedTuple):
    """What a call of a cell gives, and its gates in the order in which torch computes them, each by its symbol."""

    states: tuple[str, ...]
    gates: tuple[str, ...] = ()


CELLS: dict[type[nn.Module], Cell] = {
    nn.RNNCell: Cell(("H",)),
    # Input, forget and output gate, and what is to be remembered (Hochreiter & Schmidhuber 1997; Gers et al. 2000).
    nn.LSTMCell: Cell(("H", "C"), ("I", "F", "G", "O")),
    # Reset gate, update gate, and what is to be remembered (Cho et al. 2014).
    nn.GRUCell: Cell(("H",), ("R", "U", "G")),
}


SYMBOLS = tuple(dict.fromkeys(symbol for cell in CELLS.values() for symbol in (*cell.states, *cell.gates)))


def cell_of(module: nn.Module) -> Cell | None:
    """What the module is as a cell; None where its calls are no time steps."""
    return next((cell for kind, cell in CELLS.items() if isinstance(module, kind)), None)


class Clock:
    """How often each cell was called in the forward pass that goes on; `cells` are layers by their path."""

    def __init__(self, cells: Mapping[str, tuple[int, Cell]]) -> None:
        self._cells = dict(cells.values())
        self._layer_at = {path: layer for path, (layer, _) in cells.items()}
        self._calls = dict.fromkeys(self._cells, 0)

    def __contains__(self, layer: int) -> bool:
        """Whether a layer is a cell."""
        return layer in self._cells

    def restart(self) -> None:
        """A forward pass begins."""
        self._calls = dict.fromkeys(self._cells, 0)

    def time(self, path: str) -> int:
        """The time step, from 1, of an operation in the module at `path`; 0 where that is no cell."""
        layer = self._layer_at.get(path)
        return 0 if layer is None else self._calls[layer] + 1

    def tick(self, layer: int, states: list[Value], events: list[Event]) -> Iterator[tuple[Value, str, str]]:
        """A call of a cell has returned: each of its values with its symbol and its name.

        H[3] is what the third call gave. Of several cells, H[1], H[1]/2, … are those of layer 1.
        """
        self._calls[layer] += 1
        time, cell = self._calls[layer], self._cells[layer]
        call = list(takewhile(lambda event: (event.layer, event.time) == (layer, time), reversed(events)))
        gates = [event.outputs[0] for event in reversed(call) if event.op.activation and event.outputs]
        named = [*zip(states, cell.states, strict=False), *zip(gates, cell.gates, strict=False)]
        place = time if len(self._cells) == 1 else layer
        return ((value, symbol, f"{symbol}[{place}]") for value, symbol in named)


def spread(events: Iterable[Event]) -> None:
    """Count to a time step what prepares it, as a row is chosen from the input, and what goes back through it."""
    next_time = 0
    for event in reversed(list(events)):
        if event.phase is not Phase.FORWARD:
            next_time = 0
        elif event.time == 0:
            event.time = next_time
        next_time = event.time if event.phase is Phase.FORWARD else 0
    for event in events:
        if event.twin is not None:
            event.time = event.twin.time
