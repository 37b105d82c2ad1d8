"""Everything on screen at one position, as one frozen view: only the panes that somebody looks at are computed.

A field of the Snapshot is a view. It is made by `NAME_view(moment, look)` of the module NAME beside this one, unless it
has a row of OTHERWISE; what a pane keeps from one frame to the next is a field of the Viewer.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec
from torch import Tensor

from engine.errors import EngineError
from engine.lookup.moment import Moment
from engine.lookup.scalars import known
from engine.panes.boundary import Boundary
from engine.panes.codes import Codes, coder
from engine.panes.digits import Averages, digits_view
from engine.panes.distribution import distribution_view
from engine.panes.draw import draw_view
from engine.panes.examples import called
from engine.panes.gradients import gradients_view
from engine.panes.graph import graph_view
from engine.panes.here import here_view
from engine.panes.landscape import Landscape
from engine.panes.loss import loss_view
from engine.panes.neurons import neurons_view
from engine.panes.plots import Plots
from engine.panes.predicted import PredictedHeld
from engine.panes.slide import slide_view
from engine.panes.tensor import Inspected, tensor_view
from engine.panes.walk import Walk
from engine.protocol.messages import VIEWS, Look
from engine.protocol.positions import Status
from engine.protocol.views import Run, Snapshot


class Viewer:
    """What is seen of a run, and what its panes keep between two frames; `now` is where the cursor stands.

    `failed` is told what a pane that could not be made said, whole, and once.
    """

    def __init__(self, now: Callable[[], Moment]) -> None:
        self._now = now
        self.picked = (1, 1)  # row of the batch and neuron whose arithmetic is worked out
        self.inspected = Inspected()
        self.predicted = PredictedHeld()
        self.averages = Averages()
        self.landscape = Landscape()
        self.boundary = Boundary()
        self.codes = Codes()
        self.plots = Plots()
        self.walk = Walk()
        self.failed: Callable[[str], None] = lambda words: None
        self._told: set[str] = set()
        self._parameters = 0
        self._examples = "examples"  # what they are, as far as it is known

    def see(self, look: Look) -> Snapshot:
        """What the screen shows. A pane that cannot be made is named in `failed`, and costs no other.

        Raises EngineError where what all panes are made of cannot be had: the batch's tape.
        """
        moment = self._now()
        self.landscape.active = "landscape" in look.panes
        views: dict[str, Any] = {}
        failed: dict[str, str] = {}
        for name in MAKERS:
            if name not in look.panes:
                continue
            try:
                views[name] = MAKERS[name](self, moment, look)
            except EngineError:
                raise
            except Exception as error:  # one pane's, whatever it is: the others are shown
                failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
                self._tell(name, failed[name])
        seen = Snapshot(run=self._run(moment), **_facts(moment), **views, picked=self.picked, failed=failed)
        moment.let_go()
        return seen

    def see_without_tape(self, look: Look, problem: str) -> Snapshot:
        """What can be shown where the cursor's batch cannot be recorded: the curves, and why there is no more."""
        curves = msgspec.structs.replace(look, panes=[pane for pane in look.panes if pane == "curves"])
        return msgspec.structs.replace(self.see(curves), problem=problem)

    def work(self, seconds: float) -> None:
        """Go on with what is computed a slice of time after another."""
        self.landscape.work(self._now(), seconds)

    def _run(self, moment: Moment) -> Run:
        """What does not change while the run goes on."""
        about = moment.description
        self._examples = called(moment) or self._examples
        self._parameters = self._parameters or sum(map(Tensor.numel, moment.trainer.modules.parameters()))
        return Run(
            about.name,
            about.model,
            about.data,
            about.optimizer,
            about.loss,
            about.batch_size,
            moment.calendar.epochs_known or 0,
            moment.calendar.batches_known(moment.position.epoch) or 0,
            self._parameters,
            about.seed,
            about.threads,
            list(about.classes),
            self._examples,
            recurrent=bool(moment.naming.cells),
            codes=coder(moment.naming) is not None,
        )

    def _tell(self, name: str, reason: str) -> None:
        if (words := f"pane {name}: {reason}") not in self._told:
            self._told.add(words)
            self.failed(f"{words}\n{traceback.format_exc()}".rstrip())


Maker = Callable[[Viewer, Moment, Look], object]

OTHERWISE: dict[str, Maker] = {  # those that are told less, or more
    "here": lambda viewer, moment, look: here_view(moment, viewer.picked),
    "graph": lambda viewer, moment, look: graph_view(moment, look.graph),
    "gradients": lambda viewer, moment, look: gradients_view(moment, look.gradients),
    "distribution": lambda viewer, moment, look: distribution_view(moment, look.gradients),
    "curves": lambda viewer, moment, look: loss_view(moment, look.plot, look.columns, viewer.plots),
    "batch": lambda viewer, moment, look: digits_view(
        moment, look.batch, look.digits, viewer.predicted, viewer.averages
    ),
    "tensor": lambda viewer, moment, look: tensor_view(moment, look.tensor, viewer.inspected, viewer.picked[0]),
    "neurons": lambda viewer, moment, look: neurons_view(moment, look.neurons, viewer.picked),
    "landscape": lambda viewer, moment, look: viewer.landscape.view(moment, look.landscape),
    "slide": lambda viewer, moment, look: slide_view(moment, look.slide, viewer.picked[0]),
    "draw": lambda viewer, moment, look: draw_view(moment, look.draw, viewer.walk),
    "boundary": lambda viewer, moment, look: viewer.boundary.view(moment, look.boundary),
    "codes": lambda viewer, moment, look: viewer.codes.view(moment, look.codes),
}


def _maker(name: str) -> Maker:
    make = getattr(import_module(f"engine.panes.{name}"), f"{name}_view")
    return lambda viewer, moment, look: make(moment, look)


MAKERS = {name: OTHERWISE.get(name) or _maker(name) for name in VIEWS}


def _facts(moment: Moment) -> dict[str, Any]:
    """What every snapshot says, whatever is looked at."""
    found, rates = moment.validation, moment.learning_rates.values()
    return {
        "status": _status(moment),
        "position": moment.position,
        "loss": moment.loss,
        "accuracy": moment.accuracy,
        "judged": not moment.iteration or known(moment.timeline.series.at("accuracy", moment.iteration)) is not None,
        "learning_rate": moment.learning_rate,
        "losses": moment.losses if len(moment.losses) > 1 else {},
        "rate_range": None if len(set(rates)) < 2 else (min(rates), max(rates)),
        "valid_loss": None if found is None else found.get("loss"),
        "valid_accuracy": None if found is None else known(found.get("accuracy")),
    }


def _status(moment: Moment) -> Status:
    at_end = moment.iteration == moment.calendar.last and moment.event is None
    return Status.ENDED if at_end and moment.status is Status.PAUSED else moment.status
