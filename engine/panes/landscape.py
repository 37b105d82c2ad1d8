"""ℒ of the cursor's batch around its parameters: along one of them, along the last update, over two random directions.

The parameters are those that the batch's loss was taken with, so that the middle is that loss. A landscape is computed
aside from the run, a slice of time after another, from coarse to fine; it ends when the cursor leaves the batch.
Random directions are scaled filter by filter (Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets").
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.errors import CommandError, EngineError, ExpressionError
from engine.lookup.moment import Moment
from engine.lookup.names import Ref
from engine.panes.tensor import place_of
from engine.panes.worked import subscript
from engine.program.program import Supervised
from engine.protocol.messages import LandscapeLook
from engine.protocol.positions import Status
from engine.protocol.views import LandscapeView
from engine.statistics import plain
from engine.tape.tape import Tape
from engine.training.elsewhere import loss_with

_LINE, _SIDE = 65, 33  # points of a curve, and of a side of the map: 2ᵏ + 1
_MOST_STEPS = 200  # of the path
Direction = dict[str, Tensor]


@dataclass
class Surface:
    """What is computed of one landscape, and what is still to do."""

    key: tuple[object, ...] = ()
    problem: str = ""
    title: str = ""
    axis: str = ""
    tape: Tape | None = None
    directions: list[Direction] = field(default_factory=list)
    origin: float = 0.0  # the number at the middle of the axis
    reach: float = 1.0  # from the middle to the edge
    slope: float | None = None
    marks: list[tuple[str, float, float]] = field(default_factory=list)  # name, place on the axis, ℒ there
    path: list[tuple[float, float]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)  # row after row; NaN where it is not computed yet
    side: tuple[int, int] = (1, _LINE)  # rows and columns
    done: int = 0
    queue: Iterator[tuple[int, int, int]] = field(
        default_factory=lambda: iter(())
    )  # row, column and the size of the square that it stands for

    @property
    def finished(self) -> bool:
        """Whether nothing is left to compute."""
        return bool(self.problem) or self.done >= self.side[0] * self.side[1]


class Landscape:
    """The landscape that is looked at."""

    def __init__(self) -> None:
        self.active = False  # whether somebody looks
        self.surface = Surface()

    @property
    def pending(self) -> bool:
        """Whether a look is waiting for more points."""
        return self.active and not self.surface.finished

    def view(self, moment: Moment, look: LandscapeLook) -> LandscapeView:
        """What is computed so far. During a run it stays as it is."""
        key = (id(moment.timeline), moment.iteration, len(moment.timeline.edits), look)
        if self.surface.key != key and moment.status is not Status.RUNNING:
            self.surface = _begin(moment, look)
            self.surface.key = key
        return _view(self.surface, look.kind)

    def work(self, moment: Moment, seconds: float) -> None:
        """Compute points for so long, at least one, or until the moment is asked to stop."""
        until = time.monotonic() + seconds
        while not self.surface.finished and not moment.interrupted():
            try:
                _next_point(moment, self.surface)
            except EngineError as error:
                self.surface.problem = str(error)
            if time.monotonic() >= until:
                return


def _view(surface: Surface, kind: str) -> LandscapeView:
    rows, columns = surface.side
    return LandscapeView(
        kind,
        surface.problem,
        surface.title,
        surface.axis,
        surface.origin,
        surface.reach,
        rows,
        columns,
        list(surface.values),
        surface.slope,
        surface.marks,
        surface.path,
        surface.done,
    )


# ── what is looked at ─────────────────────────────────────────────────────────────────────────────────────────────────


def _begin(moment: Moment, look: LandscapeLook) -> Surface:
    surface = Surface()
    try:
        tape = moment.tape
        if tape is None:
            raise ExpressionError("no batch has run", "step a batch: the landscape is of its loss")
        if not isinstance(moment.trainer.program, Supervised):
            raise ExpressionError(
                "a step of one's own has no landscape", "its loss cannot be computed elsewhere without running the step"
            )
        surface.tape = tape
        {"parameter": _along_parameter, "update": _along_update, "plane": _over_plane}[look.kind](moment, look, surface)
    except EngineError as error:
        surface.problem = str(error)
        return surface
    rows, columns = surface.side
    surface.values = [math.nan] * (rows * columns)
    surface.queue = _from_coarse_to_fine(rows, columns)
    return surface


def _along_parameter(moment: Moment, look: LandscapeLook, surface: Surface) -> None:
    tape = _tape(surface)
    name, at = _element(moment, tape, look.parameter)
    tensor = tape.before.tensors[name]
    direction = torch.zeros_like(tensor)
    direction[at] = 1.0
    if tensor.is_complex():
        raise ExpressionError(f"{name} is complex", "a curve is drawn along a real number")
    value = float(tensor[at])
    found = tape.gradient(name)
    slope = None if found is None else float(found[0][at])
    step = 0.0 if slope is None else -(moment.learning_rate or 0.0) * slope
    spread = float(tensor.std()) if tensor.numel() > 1 else abs(value)
    surface.directions, surface.origin, surface.slope = [{name: direction}], value, slope
    surface.reach = max(4 * spread, 3 * abs(step), 0.05) * look.zoom
    symbol = _symbol(moment, name, at)
    surface.title, surface.axis = f"ℒ along {symbol}", symbol
    surface.marks = [("here", value, tape.loss)]
    if slope is not None:
        surface.marks.append(("−η·slope", value + step, _loss_at(moment, surface, [step])))


def _along_update(moment: Moment, look: LandscapeLook, surface: Surface) -> None:
    tape = _tape(surface)
    change = {name: tape.after.tensors[name] - tape.before.tensors[name] for name in tape.updates()}
    if not change:
        raise ExpressionError("this batch updates nothing", "its parameters are frozen")
    gradients = tape.gradients()
    slopes = [(gradients[name][0] * delta).sum() for name, delta in change.items()]
    surface.directions, surface.origin, surface.reach = [change], 1.0, 3.0 * look.zoom
    surface.origin = 0.0
    surface.slope = float(sum(slopes))
    surface.title, surface.axis = "ℒ along this batch's update", "steps of this update"
    surface.marks = [("here", 0.0, tape.loss), ("after it", 1.0, _loss_at(moment, surface, [1.0]))]


def _over_plane(moment: Moment, look: LandscapeLook, surface: Surface) -> None:
    tape = _tape(surface)
    generator = torch.Generator().manual_seed(look.seed)
    trained = [name for name in moment.naming.layer_of if tape.before.tensors[name].dim() > 1]
    if not trained:
        raise ExpressionError("no parameter has filters to scale a direction by", "look along one parameter: v")
    for _ in range(2):
        surface.directions.append({name: _normalised(tape.before.tensors[name], generator) for name in trained})
    surface.reach, surface.side = look.zoom, (_SIDE, _SIDE)
    surface.title = f"ℒ over two random directions (seed {look.seed}), scaled filter by filter"
    surface.axis = "filter norms"
    surface.marks = [("here", 0.0, tape.loss)]
    surface.path = _path(moment, tape, surface.directions)


def _normalised(weight: Tensor, generator: torch.Generator) -> Tensor:
    """A random direction of which each filter, or row, is as long as the weight's own."""
    direction = torch.randn(weight.shape, generator=generator, dtype=weight.dtype).to(weight.device)
    across = tuple(range(1, weight.dim()))
    lengths = torch.linalg.vector_norm(direction, dim=across, keepdim=True).clamp_min(1e-10)
    scaled: Tensor = direction / lengths * torch.linalg.vector_norm(weight, dim=across, keepdim=True)
    return scaled


def _path(moment: Moment, tape: Tape, directions: list[Direction]) -> list[tuple[float, float]]:
    """Where the parameters came from, as far as the history holds them, seen on the plane."""
    first, second = directions
    gram = torch.tensor([[_dot(a, b) for b in directions] for a in directions], dtype=torch.float64)
    held = sorted(i for i in moment.timeline.history.iterations() if i < moment.iteration)
    shown = held[:: max(1, len(held) // _MOST_STEPS)]
    found = []
    for iteration in shown:
        state = moment.timeline.history.at(iteration)
        if state is not None:
            away = {name: state.tensors[name] - tape.before.tensors[name] for name in first}
            sides = torch.tensor([_dot(away, first), _dot(away, second)], dtype=torch.float64)
            a, b = torch.linalg.solve(gram, sides).tolist()
            found.append((a, b))
    return found


def _dot(a: Direction, b: Direction) -> float:
    return float(sum((a[name] * b[name]).sum() for name in a))


def _element(moment: Moment, tape: Tape, parameter: str) -> tuple[str, tuple[int, ...]]:
    """Full name and index of an element; without one, where the gradient of the last layer's weight is greatest."""
    if parameter:
        place = place_of(moment, parameter)
        name = moment.values.parameter_name(Ref(place.expression))
        if name is None:
            raise CommandError(f"{place.expression} is no parameter", "for example: landscape W[1][3,5]")
        tensor = tape.before.tensors[name]
        columns = max(1, tensor.numel() // max(1, len(tensor)) if tensor.dim() else 1)
        return name, _unravel((place.row - 1) * columns + place.column - 1, tensor)
    gradients = tape.gradients()
    names = [name for name in gradients if tape.before.tensors[name].dim() > 1]
    if not names:
        raise ExpressionError("no gradient reaches a weight", "name a parameter: landscape b[1][1]")
    name = max(names, key=moment.naming.layer_of.__getitem__)
    gradient = gradients[name][0]
    return name, _unravel(int(plain(gradient).abs().nan_to_num(0.0).argmax()), gradient)


def _unravel(flat: int, tensor: Tensor) -> tuple[int, ...]:
    return tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), tensor.shape))


def _symbol(moment: Moment, name: str, at: tuple[int, ...]) -> str:
    """w₃,₅[1], b₃[1], or a parameter's own name with its indices."""
    short = moment.naming.short_name[name]
    symbol, bracket, layer = short.partition("[")
    if bracket and symbol in ("W", "b") and len(at) <= 2:
        return f"{symbol.lower()}{','.join(subscript(i + 1) for i in at)}[{layer}"
    return f"{short}[{','.join(str(i + 1) for i in at)}]"


# ── points ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _from_coarse_to_fine(rows: int, columns: int) -> Iterator[tuple[int, int, int]]:
    seen = set()
    stride = 1 << int(math.log2(max(1, columns - 1)))
    while stride:
        for row in range(0, rows, stride):
            for column in range(0, columns, stride):
                if (row, column) not in seen:
                    seen.add((row, column))
                    yield row, column, stride
        stride //= 2


def _next_point(moment: Moment, surface: Surface) -> None:
    row, column, size = next(surface.queue)
    rows, columns = surface.side
    across = (2 * column / (columns - 1) - 1) * surface.reach
    steps = [across] if rows == 1 else [across, (1 - 2 * row / (rows - 1)) * surface.reach]
    loss = _loss_at(moment, surface, steps)
    surface.done += 1
    half = size // 2 if rows > 1 else 0  # a coarse point stands for its square until finer ones come
    for y in range(max(0, row - half), min(rows, row + half + 1)):
        for x in range(max(0, column - half), min(columns, column + half + 1)):
            if size > 1 or (y, x) == (row, column):
                surface.values[y * columns + x] = loss


def _loss_at(moment: Moment, surface: Surface, steps: list[float]) -> float:
    tape = _tape(surface)
    tensors = dict(tape.before.tensors)
    for step, direction in zip(steps, surface.directions, strict=True):
        for name, delta in direction.items():
            tensors[name] = tensors[name] + step * delta
    with torch.no_grad():
        return float(loss_with(moment.trainer, tensors, tape.inputs, tape.targets, tape.before.random))


def _tape(surface: Surface) -> Tape:
    assert surface.tape is not None
    return surface.tape
