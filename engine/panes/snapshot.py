"""Everything on screen at one position, as one frozen view: only the panes that somebody looks at are computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from engine.panes.curves import loss_view
from engine.panes.distribution import distribution_view
from engine.panes.equations import here_view, reads, title, writes, written_shape
from engine.panes.gradient_table import gradients_view
from engine.panes.graph import graph_view
from engine.panes.inspector import tensor_view
from engine.panes.layers import layers_view
from engine.panes.neurons import neurons_view
from engine.panes.pictures import digits_view
from engine.protocol.messages import Look
from engine.protocol.positions import Status
from engine.protocol.views import Run, Snapshot, TapeRow, TapeView
from engine.tape.tape import Event, Tape

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
        valid_loss=None if found is None else found[0],
        valid_accuracy=None if found is None or math.isnan(found[1]) else found[1],
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


def tape_view(session: Session, look: Look) -> TapeView | None:
    """The tape's phases, and the rows that are on screen."""
    tape = session.tape()
    if tape is None:
        return None
    cursor = len(tape) if session.event is None else session.event
    lines = _lines(tape, look.folded)
    at = next((line for line, (event, part) in enumerate(lines, 1) if event.number == cursor and part is None), 0)
    first = look.rows_from or max(1, min(at - look.rows // 2, len(lines) - look.rows + 1))
    rows = [_row(event, part) for event, part in lines[first - 1 : first - 1 + look.rows]]
    phases: list[tuple[str, int]] = [*tape.phases()]
    here = title(session, tape.events[cursor - 1])
    widths = tape.once(f"widths {look.folded}", lambda: _widths(lines)) if look.rows else []
    return TapeView(phases, cursor, len(tape), first, rows, len(lines), at, here, widths)


def _lines(tape: Tape, folded: bool) -> list[tuple[Event, Event | None]]:
    """Every event, with None; where asked for, the bookkeeping that is folded into it before it."""
    if not folded:
        return [(event, None) for event in tape.events]
    return [(event, part) for event in tape.events for part in (*event.folded, None)]


def _widths(lines: list[tuple[Event, Event | None]]) -> list[int]:
    rows = [_row(event, part) for event, part in lines]
    return [
        max(map(len, column)) for column in zip(*((it.op, it.reads, it.writes, it.shape) for it in rows), strict=True)
    ]


def _row(event: Event, part: Event | None) -> TapeRow:
    shown = part or event
    return TapeRow(
        event.number,
        event.phase,
        shown.op.name if part is None else part.aten,
        shown.layer,
        reads(shown),
        writes(shown),
        written_shape(shown),
        part is not None,
    )
