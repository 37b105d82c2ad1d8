"""The branches of a run: an edit made in the past forks one, and the old future is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.errors import CommandError
from engine.history.timeline import Timeline
from engine.protocol.positions import Position
from engine.protocol.replies import BranchView, Comparison

FIRST = "main"


@dataclass
class Branch:
    """One future of the run. It shares the batches up to `border` with its parent; `cursor` is where it was left."""

    name: str
    timeline: Timeline
    parent: str = ""
    border: int = 0
    cursor: tuple[int, int | None] = (0, None)


class Branches:
    """All branches, and the one that the session stands on."""

    def __init__(self, first: Timeline) -> None:
        self.current = Branch(FIRST, first)
        self.all = [self.current]

    def fork(self, border: int) -> Branch:
        """A branch of the current one from a border on, at which the trainer must stand. It becomes the current one."""
        name = next(n for k in range(2, len(self.all) + 3) if not self._has(n := f"branch-{k}"))
        branch = Branch(name, self.current.timeline.fork(border), self.current.name, border, (border, None))
        self.all.append(branch)
        self.current = branch
        return branch

    def add(self, branch: Branch) -> None:
        """A branch that was read from a recording."""
        self.all.append(branch)

    def drop(self, branch: Branch) -> None:
        """Undo a fork that came to nothing."""
        self.all.remove(branch)
        self.current = self.find(branch.parent)
        self.current.timeline.history.share_no_more()

    def find(self, name: str) -> Branch:
        """A branch by its name. Raises CommandError, listing what there are."""
        for branch in self.all:
            if branch.name == name:
                return branch
        raise CommandError(f"there is no branch “{name}”", f"there are {', '.join(b.name for b in self.all)}")

    def rename(self, name: str) -> None:
        """Give the current branch another name. Raises CommandError for one that is taken."""
        if self._has(name) and self.current.name != name:
            raise CommandError(f"there is a branch “{name}” already", "choose another name")
        for branch in self.all:
            if branch.parent == self.current.name:
                branch.parent = name
        self.current.name = name

    def _has(self, name: str) -> bool:
        return any(branch.name == name for branch in self.all)

    def views(self) -> list[BranchView]:
        """Each branch in a row, in the order in which they were made."""
        return [_view(branch, branch is self.current) for branch in self.all]


def _view(branch: Branch, current: bool) -> BranchView:
    timeline = branch.timeline
    own = [edit for edit in timeline.edits if not branch.parent or edit.iteration >= branch.border]
    return BranchView(
        branch.name,
        branch.parent,
        branch.border,
        max(timeline.furthest, timeline.reached),
        timeline.losses[-1] if timeline.losses else None,
        [f"{edit.text} (after batch {edit.iteration})" for edit in own],
        current,
    )


def compare(first: Branch, second: Branch) -> Comparison:
    """Two branches, as far as both have run: the first batch whose loss differs, and the losses at the end of both."""
    a, b = first.timeline.losses, second.timeline.losses
    both = min(len(a), len(b))
    differs = next((i + 1 for i in range(both) if a[i] != b[i] and not (math.isnan(a[i]) and math.isnan(b[i]))), None)
    place = None if differs is None else Position(*first.timeline.calendar.place(differs), differs)
    return Comparison(
        first.name,
        second.name,
        both,
        place,
        _at(a, differs),
        _at(b, differs),
        _at(a, both or None),
        _at(b, both or None),
    )


def _at(losses: object, iteration: int | None) -> float | None:
    return None if iteration is None else float(losses[iteration - 1])  # type: ignore[index]
