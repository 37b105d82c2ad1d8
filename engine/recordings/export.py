"""A run for use elsewhere: its weights, its metrics, or a plain PyTorch loop that ends in the same bits."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable

import torch
from safetensors.torch import save

from engine.debugger import Debugger
from engine.errors import CommandError, RecordingError
from engine.files import write_file
from engine.lookup.scalars import scalars_at
from engine.recordings.plain_script import plain_script


def export(session: Debugger, kind: str, path: str, *, over: bool = False) -> str:
    """Write one of EXPORTS to a file; what was written, in words.

    One that is there is replaced only if `over`. Raises CommandError for another kind, FileError.
    """
    if kind not in EXPORTS:
        raise CommandError(f"there is no export “{kind}”", f"use: export {' | '.join(EXPORTS)} FILE")
    content, said = EXPORTS[kind](session)
    return f"{write_file(path, content, over=over)}: {said}"


def _weights(session: Debugger) -> tuple[bytes, str]:
    """Each tensor once; a second name of a shared one stands in the metadata, as in safetensors' own `save_model`."""
    tensors = session.values().tensors()
    for name, tensor in tensors.items():
        if tensor.is_complex() or tensor.is_meta or tensor.layout is not torch.strided:
            kind = tensor.dtype if tensor.is_complex() else tensor.device if tensor.is_meta else tensor.layout
            raise RecordingError(f"{name} is {kind}, which safetensors does not know", "torch.save keeps it")
    content: bytes = save(
        {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()},
        session.trainer.modules.second_names(),
    )
    return content, f"{len(tensors)} tensors, as they are at the cursor"


def _metrics(session: Debugger) -> tuple[bytes, str]:
    """A row for each batch up to the cursor; validation stands in the row of the batch that ends its epoch."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("epoch", "batch", "iteration", "loss", "accuracy", "learning_rate", "valid_loss", "valid_accuracy"))
    calendar, timeline = session.calendar, session.timeline
    taken = {calendar.iteration(epochs + 1, 0): found for epochs, found in timeline.validations.items()}
    for iteration in range(session.finished + 1):
        numbers = {} if iteration == 0 else scalars_at(timeline, iteration)
        metrics = [numbers[name]() if name in numbers else None for name in ("loss", "accuracy", "learning_rate")]
        rows.writerow((*calendar.place(iteration), iteration, *map(_cell, (*metrics, *_valid(taken.get(iteration))))))
    return text.getvalue().encode(), f"{session.finished} batches"


def _valid(found: dict[str, float] | None) -> tuple[object, object]:
    return ("", "") if found is None else (found.get("loss"), found.get("accuracy"))


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "" if value is None else "nan"
    return repr(value) if isinstance(value, float) else str(value)


def _script(session: Debugger) -> tuple[bytes, str]:
    return plain_script(session).encode(), f"a plain loop of {session.finished} batches; it prints its digest"


EXPORTS: dict[str, Callable[[Debugger], tuple[bytes, str]]] = {
    "script": _script,
    "weights": _weights,
    "metrics": _metrics,
}
