"""What a raw log tells only as a whole: the phase of operations between two passes, and the user's own functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.protocol.positions import Phase
from engine.tape.backward import Pass, Step, is_function
from engine.tape.raw import Entered, OpRow, Stepped, Version, storage_of, tensors_in
from engine.tape.tracked import Tracked

_REENTRANT = {"CheckpointFunctionBackward"}  # whose inner operations are the model's own


def functions_in(rows: list[Any]) -> Iterator[tuple[int, Any]]:
    """The nodes of `autograd.Function`s that passes have gone through, by the sequence number of their forward call."""
    for row in rows:
        if isinstance(row, Pass):
            for step in row.steps():
                if isinstance(step, Step) and is_function(step.node) and step.node.name() not in _REENTRANT:
                    yield step.node._sequence_nr(), step.node


def phases_of(rows: list[Any], tracked: Tracked) -> dict[int, Phase]:
    """Operations after a pass or an update that touch nothing of the program's belong to the forward pass that follows.

    `z = torch.randn(…)` begins a pass; weight clamping, averaging and the like are between.
    """
    found: dict[int, Phase] = {}
    waiting: list[int] = []
    touched = tracked.storages()
    for place, row in enumerate(rows):
        if isinstance(row, Version) and row.tensor is not None:
            touched.add(storage_of(row.tensor))
        elif isinstance(row, OpRow) and row.phase is Phase.BETWEEN:
            storages = {storage_of(t) for t in tensors_in((*row.args, *(row.kwargs or {}).values()))}
            if storages & touched:
                touched.update(storage_of(t) for t in tensors_in((row.out,)))
            elif row.info.aten != "_local_scalar_dense":
                waiting.append(place)
        elif isinstance(row, Entered):
            found |= dict.fromkeys(waiting, Phase.FORWARD)
            waiting = []
        elif isinstance(row, Pass | Stepped):
            waiting = []
    return found
