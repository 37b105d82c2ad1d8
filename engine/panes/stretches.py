"""What is seen of a batch changes at few of its events: in between, a view is made once for each tape."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import TypeVar

from engine.lookup.moment import Moment
from engine.tape.naming import LayerInfo
from engine.tape.tape import Tape

_T = TypeVar("_T")
QUANTITIES = ("W", "b", "Z", "A", "dZ", "dA", "dW", "db")  # of a layer


def in_stretch(
    moment: Moment, tape: Tape, key: str, changes: Callable[[], Iterable[int]], compute: Callable[[], _T]
) -> _T:
    """What `compute` makes at the cursor, made once for each stretch between the events that `changes` names.

    The batch's end is a stretch of its own: edits are made there.
    """
    if moment.event is None:
        return tape.once(f"{key} at the end", compute)
    borders = tape.once(f"{key} changes", lambda: sorted(set(changes())))
    return tape.once(f"{key} in {bisect_right(borders, moment.event)}", compute)


def changes_of(tape: Tape, layer: LayerInfo) -> dict[str, list[int]]:
    """By a layer's quantities, the events that make or change them."""
    return tape.once(f"layer {layer.index} changes by quantity", lambda: _find_changes(tape, layer))


def _find_changes(tape: Tape, layer: LayerInfo) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for symbol in ("W", "b"):
        if (name := layer.parameters.get(symbol)) is not None:
            found[symbol], found[f"d{symbol}"] = tape.versions.events(name), tape.versions.events(f"d{name}")
    for symbol in ("Z", "A"):
        value = tape.values.get(f"{symbol}[{layer.index}]") or tape.values.get(f"Z[{layer.index}]")
        found[symbol] = [] if value is None or value.event is None else [value.event.number]
        found[f"d{symbol}"] = [] if value is None else [value.gradient_event]
    return {quantity: found[quantity] for quantity in QUANTITIES if quantity in found}
