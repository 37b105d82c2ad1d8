"""What to tell a restarted engine, so that it stands where the one that ended stood.

A run is deterministic: the edits made on the way, each at its position, and the last position are all that is needed.
"""

from __future__ import annotations

from engine.views import Position


class Trail:
    """The edits of a run, in the order of their positions, and where it stands."""

    def __init__(self) -> None:
        self._edits: list[tuple[Position, str]] = []
        self._position: Position | None = None

    def stands_at(self, position: Position) -> None:
        """The cursor has moved."""
        self._position = position

    def edited(self, text: str) -> None:
        """An edit was made here. Those made further on belong to a branch that is left."""
        here = self._position
        if here is not None:
            self._edits = [(at, edit) for at, edit in self._edits if _order(at) <= _order(here)]
            self._edits.append((here, text))

    def commands(self) -> list[str]:
        """The commands that lead from a new run to here."""
        way = [text for at, edit in self._edits for text in (*_goto(at), edit)]
        return way + (_goto(self._position) if self._position is not None else [])


def _order(position: Position) -> tuple[int, float]:
    return position.iteration, float("inf") if position.event is None else position.event


def _goto(position: Position) -> list[str]:
    if position.iteration == 0:
        return []
    event = "" if position.event is None else f":{position.event}"
    return [f"goto {position.epoch}:{position.batch}{event}"]
