"""Where in the plane the codes of examples lie: what a network that is to give its input again makes of it first.

They are computed aside from the run, in evaluation mode, with the parameters that the cursor stands at.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.errors import ExpressionError
from engine.experiments.data import BatchLoader
from engine.lookup.moment import Moment
from engine.panes.examples import class_name
from engine.panes.sparing import Sparing
from engine.protocol.messages import CodesLook
from engine.protocol.views import CodesView
from engine.tape.naming import Naming
from engine.training.elsewhere import predicted_with

NAME = "code"  # as the model calls it
_MOST_POINTS = 1000


class Codes(Sparing[CodesLook, CodesView]):
    """The codes that were made last. Where there are none, `problem` says why."""

    def make(self, moment: Moment, look: CodesLook) -> CodesView:
        return _view(moment, look)

    def without(self, problem: str) -> CodesView:
        return CodesView(problem=problem)


def coder(naming: Naming) -> nn.Module | None:
    """The module that makes the codes."""
    named = {path for path, module in naming.modules.items() if naming.said(module) == NAME}
    return naming.modules[min(named)] if named else None


def _view(moment: Moment, look: CodesLook) -> CodesView:
    module, loader = coder(moment.naming), moment.trainer.loader
    if module is None or not isinstance(loader, BatchLoader):
        raise ExpressionError("this model makes no code", "the autoencoder does")
    chosen = torch.arange(0, len(loader.inputs), -(-len(loader.inputs) // _MOST_POINTS))
    codes = _codes(moment, module, loader.inputs[chosen])
    width = codes.shape[1]
    if width < 2:
        raise ExpressionError("a code of one number lies on a line", "use --code 2, or more")
    first = 2 * (look.pair % (width // 2))
    points = codes[:, first : first + 2].double()
    finite = points.isfinite().all(1)
    if not bool(finite.any()):
        raise ExpressionError("no code has two finite numbers", "go back to before the parameters were lost: nan(*)")
    labels = torch.zeros(len(chosen), dtype=torch.long) if loader.labels is None else loader.labels[chosen].cpu()
    points, labels = points[finite], labels[finite]
    low, high = points.amin(0), points.amax(0)
    shares = (points - low) / (high - low).clamp(min=1e-12)
    return CodesView(
        axes=[first + 1, first + 2],
        width=width,
        low=low.tolist(),
        high=high.tolist(),
        points=[(x, y, label) for (x, y), label in zip(shares.tolist(), labels.tolist(), strict=True)],
        classes=[class_name(moment, at) for at in range(len(moment.description.classes))],
        total=len(loader.inputs),
    )


def _codes(moment: Moment, module: nn.Module, inputs: Tensor) -> Tensor:
    """What the module gives for these inputs, on the CPU."""
    seen: list[Tensor] = []
    hook = module.register_forward_hook(lambda _, given, output: seen.append(output.detach().cpu()))
    try:
        predicted_with(moment.trainer, moment.values.tensors(), (inputs,))
    finally:
        hook.remove()
    return seen[-1].flatten(1)
