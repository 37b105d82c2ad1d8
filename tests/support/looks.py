"""What the engine sends of a pane, without a screen."""

from __future__ import annotations

from engine.panes.graph import graph_view
from engine.protocol.messages import BatchLook, GraphLook, Look
from engine.protocol.views import BatchView, GraphView
from engine.session import Session

EVERYTHING = 100_000


def graph(session: Session, level: str = "layers", *toggled: str, search: str = "") -> GraphView:
    """The whole graph."""
    found = graph_view(session.moment, GraphLook(level, list(toggled), rows=EVERYTHING, search=search))
    assert found is not None
    return found


def batch(session: Session, kind: str = "examples", order: str = "batch", first: int = 1, count: int = 4) -> BatchView:
    """Examples of the cursor's batch, or pictures."""
    view = session.viewer.see(Look(["batch"], digits=count, batch=BatchLook(kind, order, first))).batch
    assert view is not None
    return view
