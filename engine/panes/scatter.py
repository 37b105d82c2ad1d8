"""Predictions against targets, where both are numbers and not classes."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.protocol.views import Scatter
from engine.tape.tape import Tape
from engine.training.classes import are_classes

_MOST = 2000  # pairs that are sent


def scatter(tape: Tape, predicted: bool) -> Scatter | None:
    """Of each output its target and, where the cursor is past it, the prediction; None where there are no pairs."""
    pairs = _pairs(tape.output, tape.targets)
    if pairs is None:
        return None
    outputs, targets = pairs
    total = targets.numel()
    chosen = torch.arange(0, total, -(-total // _MOST))
    outputs, targets = outputs[chosen], targets[chosen]
    fine = targets.isfinite() & (outputs.isfinite() if predicted else True)
    rows = (chosen * tape.size // total + 1)[fine]
    return Scatter(
        targets[fine].tolist(),
        outputs[fine].tolist() if predicted else [],
        rows.tolist(),
        total,
        len(chosen) - int(fine.sum()),
    )


def _pairs(output: object, targets: object) -> tuple[Tensor, Tensor] | None:
    if not isinstance(output, Tensor) or not isinstance(targets, Tensor) or are_classes(output, targets):
        return None
    real = output.is_floating_point() and targets.is_floating_point()
    if not real or output.numel() != targets.numel() or not output.dim() or not output.numel():
        return None
    flat = (tensor.detach().cpu().double().reshape(-1) for tensor in (output, targets))
    return next(flat), next(flat)
