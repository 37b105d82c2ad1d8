"""Which class is predicted where in the plane: of a model of two inputs, with the parameters that the cursor stands at.

The map is made aside from the run, in evaluation mode.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from engine.errors import ExpressionError
from engine.lookup.moment import Moment
from engine.panes.examples import class_name, plane_points, probabilities
from engine.panes.sparing import Sparing
from engine.program.program import Supervised
from engine.protocol.messages import BoundaryLook
from engine.protocol.views import BoundaryView
from engine.training.classes import are_classes, first_tensor, predicted_classes, target_classes
from engine.training.elsewhere import predicted_with

UNKNOWN = 255  # as a class: the model gives no finite number there
_MOST_POINTS = 1000  # that are sent
_MOST_CELLS = 40_000


class Points(NamedTuple):
    """Points of the plane (N, 2), their classes as the loss wants them, and what they are."""

    inputs: Tensor
    targets: Tensor
    about: str


class Boundary(Sparing[BoundaryLook, BoundaryView]):
    """The map that was made last. Where there is none, its `problem` says why."""

    def make(self, moment: Moment, look: BoundaryLook) -> BoundaryView:
        return _view(moment, look)

    def without(self, problem: str) -> BoundaryView:
        return BoundaryView(problem=problem)


def _view(moment: Moment, look: BoundaryLook) -> BoundaryView:
    if not isinstance(moment.trainer.program, Supervised):
        raise ExpressionError("a step of one's own has no boundary", "nobody else knows how its model is asked")
    points = _points(moment)
    low, side = _square(points.inputs)
    rows, columns = max(1, look.rows), max(1, look.columns)
    shrink = min(1.0, math.sqrt(_MOST_CELLS / (rows * columns)))
    rows, columns = max(1, int(rows * shrink)), max(1, int(columns * shrink))
    asked = torch.cat([_grid(low, side, rows, columns).to(points.inputs), points.inputs])
    output = first_tensor(predicted_with(moment.trainer, moment.values.tensors(), (asked,)))
    if output is None or len(output) != len(asked) or not are_classes(output[rows * columns :], points.targets):
        raise ExpressionError("the targets are no classes", "a boundary lies between classes")
    guesses = predicted_classes(output, moment.trainer.program.boundary)
    classes = max(2, output.shape[1] if output.dim() == 2 else 2)
    right = guesses[rows * columns :] == target_classes(points.targets)
    chosen = torch.arange(0, len(right), -(-len(right) // _MOST_POINTS))
    places = ((points.inputs.cpu()[chosen] - low) / side).tolist()
    return BoundaryView(
        rows=rows,
        columns=columns,
        predicted=_predicted(guesses, output)[: rows * columns],
        sure=_sure(moment, output, classes)[: rows * columns],
        classes=[class_name(moment, at) for at in range(classes)],
        low=low.tolist(),
        side=side,
        points=[(x, y, was) for (x, y), was in zip(places, right[chosen].tolist(), strict=True)],
        about=points.about,
        right=int(right.sum()),
        total=len(right),
    )


def _points(moment: Moment) -> Points:
    """Those of the training partition where it is at hand, else of the cursor's batch."""
    found = plane_points(moment.trainer.loader)
    if found is not None:
        return Points(*found, "training points")
    tape = moment.tape
    if tape is None:
        raise ExpressionError("no batch has run", "step a batch: what its inputs are is not known before")
    first = tape.inputs[0] if len(tape.inputs) == 1 else None
    if not isinstance(first, Tensor) or first.dim() != 2 or first.shape[1] != 2 or not first.is_floating_point():
        shape = "×".join(map(str, first.shape)) if isinstance(first, Tensor) else "no single tensor"
        raise ExpressionError(f"X is {shape}", "a boundary is drawn where each example is two numbers (N×2)")
    if not isinstance(tape.targets, Tensor):
        raise ExpressionError("the targets are no classes", "a boundary lies between classes")
    return Points(first, tape.targets, "points of this batch")


def _square(points: Tensor) -> tuple[Tensor, float]:
    """The lower left corner (2,) and the side of a square with all finite points in it, of round numbers."""
    kept = points.detach().cpu().double()
    kept = kept[kept.isfinite().all(1)]
    if not len(kept):
        raise ExpressionError("no point has two finite coordinates", "there is no plane to draw")
    low, high = kept.amin(0), kept.amax(0)
    span = float((high - low).max()) or 1.0
    step = 10.0 ** math.floor(math.log10(span)) / 2
    margin = span / 20
    side = math.ceil((span + 2 * margin) / step) * step
    corner = (((low + high) / 2 - side / 2) / step).round() * step
    corner = torch.minimum(corner, low).maximum(high - side)
    return corner, side


def _grid(low: Tensor, side: float, rows: int, columns: int) -> Tensor:
    """The middles of rows × columns cells, row after row from the top left: (rows·columns, 2)."""
    across = low[0] + side * (torch.arange(columns, dtype=torch.float64) + 0.5) / columns
    down = low[1] + side * (1 - (torch.arange(rows, dtype=torch.float64) + 0.5) / rows)
    up, along = torch.meshgrid(down, across, indexing="ij")
    return torch.stack((along.reshape(-1), up.reshape(-1)), 1)


def _predicted(guesses: Tensor, output: Tensor) -> bytes:
    finite = output.reshape(len(output), -1).isfinite().all(1)
    named = guesses.clamp(max=UNKNOWN - 1).where(finite, torch.full_like(guesses, UNKNOWN))
    return named.to(torch.uint8).numpy(force=True).tobytes()


def _sure(moment: Moment, output: Tensor, classes: int) -> bytes:
    """How far the predicted class's probability is from chance (0) to certain (255); 255 where there is none."""
    likely = probabilities(moment, output, moment.trainer.program.boundary)
    if likely is None:
        return bytes([255]) * len(output)
    share = ((likely - 1 / classes) / (1 - 1 / classes)).nan_to_num(0.0).clamp(0, 1)
    return (share * 255).round().to(torch.uint8).numpy(force=True).tobytes()
