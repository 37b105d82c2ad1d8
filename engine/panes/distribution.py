"""How a gradient's values are distributed, at the cursor and in the batches that were looked at before it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.lookup.moment import Moment
from engine.panes.reached import reached_gradient
from engine.protocol.messages import GradientLook
from engine.protocol.views import Distribution
from engine.statistics import plain

DECADES = (-12, 4)  # powers of ten that the distribution over time spans
STEPS = 32  # two a decade
_SAMPLE = 4096  # values of a tensor that its distribution over time is taken from


def distribution_view(moment: Moment, look: GradientLook) -> Distribution | None:
    """How the values of the gradient that is looked at are distributed; None where it was never computed yet."""
    gradient = reached_gradient(moment.values, look.chosen)
    past = moment.timeline.distributions.items(look.chosen, moment.finished, look.points)
    if gradient is not None and moment.event is not None:
        past = [*past, (moment.iteration, _steps(gradient))][-max(1, look.points) :]
    if look.bins < 1 or (gradient is None and not past):
        return None
    iterations, steps = [iteration for iteration, _ in past], [steps for _, steps in past]
    if gradient is None:
        return Distribution(look.chosen, [], 0.0, 0.0, [], 0.0, 0.0, list(DECADES), iterations, steps, known=False)
    finite = gradient[torch.isfinite(gradient)]
    low, high, counts = _counts(finite, look.bins)
    total = max(1, gradient.numel())
    return Distribution(
        look.chosen,
        list(gradient.shape),
        low,
        high,
        counts,
        1 - int(torch.count_nonzero(gradient)) / total,
        1 - finite.numel() / total,
        list(DECADES),
        iterations,
        steps,
    )


def _counts(finite: Tensor, bins: int) -> tuple[float, float, list[int]]:
    """Counts in bins of equal width that lie evenly about 0."""
    if finite.numel() == 0:
        return 0.0, 0.0, []
    most = float(finite.abs().max()) or 1.0
    counts = torch.histc(finite.float(), bins, -most, most)
    return -most, most, list(map(int, counts))


def remember(moment: Moment, gradients: dict[str, Tensor]) -> None:
    """Note how every gradient is distributed, once for each batch that is looked at."""
    if moment.iteration and not moment.timeline.distributions.has(moment.iteration):
        taken = {name: _steps(gradient) for name, gradient in gradients.items()}
        moment.timeline.distributions.note(moment.iteration, taken)


def _steps(gradient: Tensor) -> bytes:
    """The share of |values| in each half decade, 0…255; what is smaller or greater than all is in the outer ones."""
    every = max(1, math.ceil(gradient.numel() / _SAMPLE)) | 1  # odd, so as not to stay in one column
    sample = plain(gradient.detach()).flatten()[::every].abs().float()
    sample = sample[torch.isfinite(sample) & (sample > 0)]
    low, high = DECADES
    counts = torch.histc(sample.log10().clamp(low, high - 1e-3), STEPS, low, high)
    shares = counts / max(1.0, float(counts.sum()))
    return bytes(map(int, (shares * 255).ceil().tolist()))
