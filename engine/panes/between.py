"""What is done to gradients and parameters between two passes: clipped, unscaled, cleared; as rule and numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.protocol.views import Term
from engine.statistics import norm
from engine.tape.tape import Event, Tape

_RULES = {
    "clip": "d ← d · min(1, c / ‖d‖)",
    "unscale": "d ← d / scale",
    "zero-grad": "d ← none",
}
_BY_VALUE = ("clamp_", "_foreach_clamp_min_", "_foreach_clamp_max_")  # of gradients themselves


def between_rule(tape: Tape, event: Event) -> list[Term]:
    """The event's rule; d stands for the gradients of all that it changes, together."""
    rule = _RULES.get(event.op.name)
    if event.op.name == "clip" and any(part.aten in _BY_VALUE for part in event.folded):
        rule = "d ← min(max(d, −c), c)"
    elif event.op.name == "zero-grad" and any(tape.versions.newest(f"d{name}", event.number) for name in event.changed):
        rule = "d ← 0"
    return [] if rule is None else [Term(f"{rule}, d = {_listed(event.changed)}")]


def between_numbers(tape: Tape, event: Event) -> list[str]:
    """The norm of all gradients together before and after."""
    if event.op.name not in _RULES:
        return []
    before = [_gradient(tape, name, event.number - 1) for name in event.changed]
    after = [_gradient(tape, name, event.number) for name in event.changed]
    lines = [f"‖d‖ {_together(before)} → {_together(after)}"]
    if event.norm is not None:
        lines.append(f"the norm that was compared with c is {event.norm:.4g}")
    return lines


def _gradient(tape: Tape, name: str, done: int) -> Tensor | None:
    found = tape.versions.newest(f"d{name}", done)
    return None if found is None else found[1]


def _together(gradients: list[Tensor | None]) -> str:
    there = [norm(gradient) for gradient in gradients if gradient is not None]
    return f"{float(torch.tensor(there, dtype=torch.float64).norm()):.4g}" if there else "none"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"d{name}" for name in names[:2])
    return shown + (f" … ({len(names)})" if len(names) > 2 else "")
