"""Everything on screen at one position, as one frozen view: only the panes that somebody looks at are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.lookup.scalars import known
from engine.panes.digits import digits_view
from engine.panes.distribution import distribution_view
from engine.panes.gradients import gradients_view
from engine.panes.graph import graph_view
from engine.panes.here import here_view
from engine.panes.layers import layers_view
from engine.panes.loss import loss_view
from engine.panes.neurons import neurons_view
from engine.panes.tape import tape_view
from engine.panes.tensor import tensor_view
from engine.protocol.messages import Look
from engine.protocol.positions import Status
from engine.protocol.views import Run, Snapshot

if TYPE_CHECKING:
    from engine.session import Session


def snapshot(session: Session, look: Look) -> Snapshot:
    """What the screen shows of a session, at its cursor."""
    found = session.validation()
    panes = set(look.panes)
    session.landscape.active = "landscape" in panes
    return Snapshot(
        run=run_view(session),
        status=_status(session),
        position=session.position,
        loss=session.loss,
        accuracy=session.accuracy,
        learning_rate=session.learning_rate,
        valid_loss=None if found is None else found.get("loss"),
        valid_accuracy=None if found is None else known(found.get("accuracy")),
        tape=tape_view(session, look) if "tape" in panes else None,
        here=here_view(session) if "here" in panes else None,
        graph=graph_view(session, look.graph) if "graph" in panes else None,
        layers=layers_view(session, look) if "layers" in panes else None,
        gradients=gradients_view(session, look.gradients) if "gradients" in panes else None,
        distribution=distribution_view(session, look.gradients) if "distribution" in panes else None,
        curves=loss_view(session, look.plot, look.columns) if "curves" in panes else None,
        batch=digits_view(session, look.batch, look.digits) if "batch" in panes else None,
        tensor=tensor_view(session, look.tensor) if "tensor" in panes else None,
        neurons=neurons_view(session, look.neurons) if "neurons" in panes else None,
        landscape=session.landscape.view(session, look.landscape) if "landscape" in panes else None,
        picked=session.picked,
    )


def without_tape(session: Session, look: Look, problem: str) -> Snapshot:
    """What can be shown where the cursor's batch cannot be recorded: the curves, and why there is no more."""
    curves = msgspec.structs.replace(look, panes=[pane for pane in look.panes if pane == "curves"])
    return msgspec.structs.replace(snapshot(session, curves), problem=problem)


def run_view(session: Session) -> Run:
    """What does not change while the run goes on."""
    about = session.description
    return Run(
        about.name,
        about.model,
        about.data,
        about.optimizer,
        about.loss,
        about.batch_size,
        session.epochs,
        session.batches,
        sum(parameter.numel() for parameter in session.trainer.model.parameters()),
        about.seed,
        about.threads,
        list(about.classes),
    )


def _status(session: Session) -> Status:
    at_end = session.iteration == session.total and session.event is None
    return Status.ENDED if at_end and session.status is Status.PAUSED else session.status
