"""A digit that is drawn on the screen, made like those of MNIST and judged by the network as it is at the cursor.

Nothing is trained and nothing of the run is touched: the model is asked aside from it, in evaluation mode.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.errors import EngineError, ExpressionError
from engine.experiments.data import BatchLoader
from engine.lookup.moment import Moment
from engine.panes.examples import class_name, class_shares
from engine.panes.walk import Walk
from engine.program.program import Supervised
from engine.protocol.messages import DrawLook
from engine.protocol.views import DrawView
from engine.training.classes import first_tensor
from engine.training.elsewhere import predicted_with

SIDE, _BOX, _MIDDLE = 28, 20, 14.0  # pixels: of a picture, of the box that a digit fills, and where its mass is centred


def draw_view(moment: Moment, look: DrawLook, walk: Walk) -> DrawView:
    """What the network makes of the drawing. Where it takes no digits, or nothing is drawn, `problem` says so.

    Where an event of its forward pass is looked at, that, too.
    """
    try:
        return _judged(moment, look, walk)
    except EngineError as error:
        return DrawView(problem=str(error))


def _judged(moment: Moment, look: DrawLook, walk: Walk) -> DrawView:
    if not isinstance(moment.trainer.program, Supervised):
        raise ExpressionError("a step of one's own judges no digit", "nobody else knows how its model is asked")
    like, mean, std = _an_input(moment)
    ink = torch.frombuffer(bytearray(look.ink), dtype=torch.uint8).reshape(SIDE, SIDE) / 255
    if not bool(ink.any()):
        return DrawView()
    picture = normalised(ink)
    asked = ((picture - mean) / std).to(like).reshape(1, *like.shape)
    output = first_tensor(predicted_with(moment.trainer, moment.values.tensors(), (asked,)))
    shares = None if output is None else class_shares(moment, output, moment.trainer.program.boundary)
    if shares is None:
        raise ExpressionError("the model's output is no probabilities of classes", "a digit is judged by such")
    likely = shares[0].tolist()
    return DrawView(
        pixels=(picture * 255).round().to(torch.uint8).numpy().tobytes(),
        classes=[class_name(moment, at) for at in range(len(likely))],
        likely=likely,
        walk=walk.view(moment, asked, look) if look.event else None,
    )


def normalised(ink: Tensor) -> Tensor:
    """A drawing (28, 28), 0…1, as MNIST's digits are: its longer side 20 pixels, its centre of mass at pixel 14, 14.

    Its form is kept, and its strongest pixel is 1 (LeCun et al., “The MNIST database of handwritten digits”).
    """
    rows, columns = (ink.any(side).nonzero()[:, 0] for side in (1, 0))
    cut = ink[int(rows[0]) : int(rows[-1]) + 1, int(columns[0]) : int(columns[-1]) + 1]
    height, width = (max(1, round(size * _BOX / max(cut.shape))) for size in cut.shape)
    scaled = nn.functional.interpolate(cut[None, None], (height, width), mode="bilinear", antialias=True)[0, 0]
    scaled = (scaled / scaled.amax()).clamp(0, 1)
    top, left = (_begin(scaled.sum(side)) for side in (1, 0))
    placed = torch.zeros(SIDE, SIDE)
    placed[top : top + height, left : left + width] = scaled
    return placed


def _begin(mass: Tensor) -> int:
    """Where so many rows, or columns, of this mass begin, for its centre to be in the middle, as far as all fit in."""
    centre = float((mass * torch.arange(len(mass))).sum() / mass.sum())
    return max(0, min(round(_MIDDLE - centre), SIDE - len(mass)))


def _an_input(moment: Moment) -> tuple[Tensor, float, float]:
    """An example as the model takes it, without its batch; and what pixels of 0…1 are normalised by."""
    loader, about = moment.trainer.loader, moment.description
    tape = None if isinstance(loader, BatchLoader) else moment.tape
    inputs = loader.inputs if isinstance(loader, BatchLoader) else tape.inputs[0] if tape and tape.inputs else None
    if inputs is None and tape is None:
        raise ExpressionError("no batch has run", "step a batch: what its inputs are is not known before")
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point() or inputs.shape[1:].numel() != SIDE * SIDE:
        shape = "×".join(map(str, inputs.shape)) if isinstance(inputs, Tensor) else "no tensor"
        raise ExpressionError(f"X is {shape}", f"a digit can be drawn for a model of pictures of {SIDE}×{SIDE}")
    if about.mean is not None:
        return inputs[0], about.mean, about.std
    low, high = float(inputs.min()), float(inputs.max())  # black and white are the batch's least and greatest
    return inputs[0], -low / ((high - low) or 1.0), 1 / ((high - low) or 1.0)
