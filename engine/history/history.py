"""Checkpoints within a byte budget, so that any earlier batch is a restored State plus a short replay.

Two kinds are kept. *Checkpoints* stand at every `interval`-th batch over the whole run; when they outgrow their share
of the budget the interval doubles and every other one goes: a long history thins, it never fails. *Recent* states are
those of the batches last visited, so that walking back through them replays nothing; the oldest go first. The state
before training is always kept.
"""

from __future__ import annotations

from collections import OrderedDict

from engine.training.state import State

_CHECKPOINTS_SHARE = 0.925
_RECENT = 64  # states of batches last visited, or as many as lie between two checkpoints
_FEWEST_RECENT = 2  # those around a batch
_FIRST_INTERVAL = 48  # batches: a jump replays fewer, and 8,000 of a small network with Adam fit 256 MB


class History:
    """The states that a run can be put back to, by iteration."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.interval = _FIRST_INTERVAL
        self._checkpoints: dict[int, State] = {}
        self._recent: OrderedDict[int, State] = OrderedDict()
        self._checkpoint_bytes = 0
        self._recent_bytes = 0

    @property
    def bytes(self) -> int:
        """Bytes held."""
        return self._checkpoint_bytes + self._recent_bytes

    def wants(self, iteration: int) -> bool:
        """Whether a checkpoint is due at an iteration."""
        return iteration % self.interval == 0 and iteration not in self._checkpoints

    def add_checkpoint(self, state: State) -> None:
        """Keep a checkpoint, thinning the others where the budget asks for it."""
        if state.iteration in self._checkpoints:
            return
        self._checkpoints[state.iteration] = state
        self._checkpoint_bytes += state.bytes
        self._limit()

    def add_recent(self, state: State) -> None:
        """Keep the state of a batch just visited."""
        old = self._recent.pop(state.iteration, None)
        self._recent_bytes += state.bytes - (old.bytes if old else 0)
        self._recent[state.iteration] = state
        self._limit()

    def room_for_recent(self) -> int:
        """How many states of the batches last visited can be held at once."""
        held = self._recent or self._checkpoints
        fitting = (self.budget - self._checkpoint_bytes) // next(reversed(held.values())).bytes
        return max(_FEWEST_RECENT, min(fitting, self._most_recent))

    @property
    def _most_recent(self) -> int:
        """More would take fresh memory for each state, which costs more than to fill it."""
        return max(_RECENT, self.interval)

    def at(self, iteration: int) -> State | None:
        """The state at an iteration, if it is held."""
        return self._recent.get(iteration) or self._checkpoints.get(iteration)

    def checkpoint(self, iteration: int) -> State | None:
        """The checkpoint at an iteration, if there is one."""
        return self._checkpoints.get(iteration)

    def iterations(self) -> set[int]:
        """The iterations whose states are held."""
        return {*self._checkpoints, *self._recent}

    def nearest(self, iteration: int) -> State:
        """The latest state held at or before an iteration."""
        if (exact := self.at(iteration)) is not None:
            return exact
        held = (i for i in (*self._checkpoints, *self._recent) if i <= iteration)
        found = self.at(max(held))
        assert found is not None
        return found

    def forget_from(self, iteration: int) -> None:
        """Drop what lies at or after an iteration, because from there on the run differs."""
        for held in [i for i in self._checkpoints if i >= iteration]:
            self._checkpoint_bytes -= self._checkpoints.pop(held).bytes
        for held in [i for i in self._recent if i >= iteration]:
            self._recent_bytes -= self._recent.pop(held).bytes

    def share(self, other: History, border: int) -> None:
        """Hold the checkpoints before a border that another history holds; both then have half of their budgets."""
        self.budget = other.budget = other.budget // 2
        self.interval = other.interval
        for iteration in sorted(i for i in other._checkpoints if i < border):
            self.add_checkpoint(other._checkpoints[iteration])
        other._limit()

    def share_no_more(self) -> None:
        """Have the whole budget back, since the other history is gone."""
        self.budget *= 2

    def _limit(self) -> None:
        while self._checkpoint_bytes > self._room_for_checkpoints() and len(self._checkpoints) > 2:
            self._thin()
        while len(self._recent) > (self._most_recent if self.bytes <= self.budget else _FEWEST_RECENT):
            _, dropped = self._recent.popitem(last=False)
            self._recent_bytes -= dropped.bytes

    def _room_for_checkpoints(self) -> float:
        """Bytes: their share, less where states are so large that two recent ones would not fit beside it."""
        state = next(reversed(self._checkpoints.values()))
        return min(self.budget * _CHECKPOINTS_SHARE, self.budget - _FEWEST_RECENT * state.bytes)

    def _thin(self) -> None:
        self.interval *= 2
        first = min(self._checkpoints)  # before training, or where the branch begins
        for held in [i for i in self._checkpoints if i % self.interval and i != first]:
            self._checkpoint_bytes -= self._checkpoints.pop(held).bytes
