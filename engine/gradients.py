"""The gradients at the cursor, as views: norms, update ratios, and how their values are distributed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.messages import Look
from engine.naming import Naming
from engine.statistics import norm, update_ratio
from engine.tape import Tape
from engine.values import Values
from engine.views import Distribution, Gradient

if TYPE_CHECKING:
    from engine.session import Session

DECADES = (-12, 4)  # powers of ten that the distribution over time spans
STEPS = 32  # two a decade
_SAMPLE = 4096  # values of a tensor that its distribution over time is taken from


def gradient_views(session: Session, look: Look) -> list[Gradient]:
    """Each parameter's gradient norm, norm and update ratio, then those of each Z, as far as the cursor has reached."""
    values, trace = session.values(), session.replay.trace
    found = [*(_parameter(values, name) for name in values.optimizer_names()), *_pre_activations(values)]
    known = {f"d{gradient.name}": gradient.norm for gradient in found if gradient.norm is not None}
    if session.event is None:
        trace.note(session.iteration, known)
        _remember_values(session, values)
    if not look.gradient_points:
        return found
    first, last = look.gradient_layers or (0, len(session.naming.layers))
    return [
        _with_history(session, gradient, look.gradient_points) if first <= gradient.layer <= last else gradient
        for gradient in found
    ]


def _with_history(session: Session, gradient: Gradient, points: int) -> Gradient:
    before = session.replay.trace.series(f"d{gradient.name}", session.finished, points)
    now = [] if session.event is None or gradient.norm is None else [gradient.norm]
    return Gradient(
        gradient.name,
        gradient.layer,
        gradient.norm,
        gradient.value_norm,
        gradient.ratio,
        gradient.kind,
        [*before, *now][-points:],
    )


def _parameter(values: Values, name: str) -> Gradient:
    short, tape = values.naming.short_name[name], values.tape
    layer, kind = values.naming.layer_of[name], _kind(values.naming, name)
    if tape is None:
        return Gradient(short, layer, None, norm(values.parameter(name)), None, kind)
    gradient = _parameter_gradient(values, name)
    return Gradient(
        short,
        layer,
        None if gradient is None else tape.once(f"‖d{short}‖", lambda: norm(gradient)),
        tape.once(f"‖{short}‖", lambda: norm(tape.before.tensors[name])),
        tape.once(f"ratio {short}", lambda: update_ratio(*values.change(name))) if values.updated(name) else None,
        kind,
    )


def _kind(naming: Naming, name: str) -> str:
    layer = naming.layer_of[name]
    parts = naming.layers[layer - 1].parameters if layer else {}
    return next((symbol for symbol in ("W", "b") if parts.get(symbol) == name), "")


def _parameter_gradient(values: Values, name: str) -> Tensor | None:
    found = values.tape.parameter_gradients.get(name) if values.tape else None
    return found[0] if found is not None and found[1] <= values.done else None


def _pre_activations(values: Values) -> list[Gradient]:
    tape, found = values.tape, []
    for layer in values.naming.layers:
        gradient = _pre_activation_gradient(values, layer.index)
        size = None if gradient is None or tape is None else gradient_norm(tape, f"dZ[{layer.index}]", gradient)
        found.append(Gradient(f"Z[{layer.index}]", layer.index, size, 0.0, None, "Z"))
    return found


def _pre_activation_gradient(values: Values, layer: int) -> Tensor | None:
    """dZ, where the cursor has reached it and the tape holds it."""
    value = values.tape.values.get(f"Z[{layer}]") if values.tape else None
    reached = value is not None and 0 < value.gradient_event <= values.done
    return value.gradient if value is not None and reached else None


def gradient_norm(tape: Tape, name: str, gradient: Tensor | None) -> float | None:
    """‖gradient‖, computed once for each tape; None where there is none."""
    return None if gradient is None else tape.once(f"‖{name}‖ at", lambda: norm(gradient))


# ── distributions ─────────────────────────────────────────────────────────────────────────────────────────────────────


def distribution_view(session: Session, look: Look) -> Distribution | None:
    """How the values of the gradient that is looked at are distributed; None where it was never computed yet."""
    gradient = _named(session.values()).get(look.gradient)
    past = session.replay.distributions.items(look.gradient, session.finished, look.gradient_points)
    if gradient is not None and session.event is not None:
        past = [*past, (session.iteration, _steps(gradient))][-max(1, look.gradient_points) :]
    if look.bins < 1 or (gradient is None and not past):
        return None
    iterations, steps = [iteration for iteration, _ in past], [steps for _, steps in past]
    if gradient is None:
        return Distribution(look.gradient, [], 0.0, 0.0, [], 0.0, 0.0, list(DECADES), iterations, steps, known=False)
    finite = gradient[torch.isfinite(gradient)]
    low, high, counts = _counts(finite, look.bins)
    total = max(1, gradient.numel())
    return Distribution(
        look.gradient,
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


def _named(values: Values) -> dict[str, Tensor]:
    """The gradients that are computed, by the names that the pane uses."""
    found = {
        f"d{values.naming.short_name[name]}": _parameter_gradient(values, name) for name in values.optimizer_names()
    }
    found |= {f"dZ[{layer.index}]": _pre_activation_gradient(values, layer.index) for layer in values.naming.layers}
    return {name: gradient for name, gradient in found.items() if gradient is not None}


def _counts(finite: Tensor, bins: int) -> tuple[float, float, list[int]]:
    """Counts in bins of equal width that lie evenly about 0."""
    if finite.numel() == 0:
        return 0.0, 0.0, []
    most = float(finite.abs().max()) or 1.0
    counts = torch.histc(finite.float(), bins, -most, most)
    return -most, most, [int(count) for count in counts]


def _remember_values(session: Session, values: Values) -> None:
    """Note how every gradient is distributed, once for each batch that is looked at."""
    if session.iteration and not session.replay.distributions.has(session.iteration):
        taken = {name: _steps(gradient) for name, gradient in _named(values).items()}
        session.replay.distributions.note(session.iteration, taken)


def _steps(gradient: Tensor) -> bytes:
    """The share of |values| in each half decade, 0…255; what is smaller or greater than all is in the outer ones."""
    every = max(1, math.ceil(gradient.numel() / _SAMPLE)) | 1  # odd, so as not to stay in one column
    sample = gradient.detach().flatten()[::every].abs().float()
    sample = sample[torch.isfinite(sample) & (sample > 0)]
    low, high = DECADES
    counts = torch.histc(sample.log10().clamp(low, high - 1e-3), STEPS, low, high)
    shares = counts / max(1.0, float(counts.sum()))
    return bytes(int(share) for share in (shares * 255).ceil().tolist())
