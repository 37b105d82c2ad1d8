"""What became NaN or infinite in a run that nobody watched, and since when: found afterwards, in the history.

The run itself is not slowed: states that are held are searched by halves, and the batches between two of them replayed.
"""

from __future__ import annotations

import math
from bisect import bisect_left

from torch import Tensor

from engine.cursor import Cursor
from engine.statistics import is_bad

_MOST_NAMED = 3


def became_bad(cursor: Cursor, start: int) -> str:
    """What is not finite at the cursor's border and was before the batch after `start`; "" where nothing is."""
    trainer = cursor.trainer
    if (
        start >= cursor.iteration
        or cursor.event is not None
        or trainer.owner is not cursor.timeline
        or trainer.iteration != cursor.iteration
    ):
        return ""
    names = _bad(_live(cursor))
    lost = _first_lost_loss(cursor, start)
    if not names and not lost:
        return ""
    declared = _bad(cursor.timeline.history.nearest(0).tensors)  # a mask of −∞, say
    names = [name for name in names if name not in declared]
    if not names:
        return (
            f"the loss was not finite in batch {_place(cursor, lost)}: reverse-run until nan(*) finds it"
            if lost
            else ""
        )
    first = _first_border(cursor, start, names)
    if first == start:
        return ""  # it was told then
    if first is None:
        return f"{_listed(cursor, names)} not finite"
    return (
        f"{_listed(cursor, names)} not finite since batch {_place(cursor, first)}: reverse-run until nan(*) finds why"
    )


def _live(cursor: Cursor) -> dict[str, Tensor]:
    modules = cursor.trainer.modules
    return {**dict(modules.named_parameters()), **dict(modules.named_buffers())}


def _bad(tensors: dict[str, Tensor]) -> list[str]:
    return [name for name, tensor in tensors.items() if is_bad(tensor.detach())]


def _bad_at(cursor: Cursor, iteration: int, names: list[str]) -> bool:
    held = cursor.timeline.history.at(iteration)
    return held is not None and any(is_bad(held.tensors[name]) for name in names if name in held.tensors)


def _first_lost_loss(cursor: Cursor, start: int) -> int:
    """The first batch after `start` whose loss is not finite; 0 where there is none."""
    losses = cursor.timeline.losses[start : cursor.iteration]
    return next((start + at for at, loss in enumerate(losses, 1) if not math.isfinite(loss)), 0)


def _first_border(cursor: Cursor, start: int, names: list[str]) -> int | None:
    """The batch after which one of these was not finite for the first time; None where interrupted on the way to it."""
    timeline, end = cursor.timeline, cursor.iteration
    held = sorted({start, *(i for i in timeline.history.iterations() if start <= i < end)})
    after = bisect_left(held, True, key=lambda border: _bad_at(cursor, border, names))
    lower, upper = held[max(0, after - 1)], held[after] if after < len(held) else end
    if timeline.replays_elsewhere:
        found: int | None = timeline.elsewhere(lower, _first_of, lower, upper, names, interrupted=cursor.interrupted)
        return found
    found = _first_of(cursor, lower, upper, names)
    timeline.go(end, cursor.interrupted)
    return found


def _first_of(cursor: Cursor, lower: int, upper: int, names: list[str]) -> int | None:
    """The first of these borders after which one is not finite; None where interrupted on the way to it."""
    timeline = cursor.timeline
    for border in range(lower, upper + 1):
        if not timeline.go(border, cursor.interrupted):
            break
        if any(is_bad(_live(cursor)[name].detach()) for name in names):
            return border
    return None


def _listed(cursor: Cursor, names: list[str]) -> str:
    shown = [cursor.naming.short_name.get(name, name) for name in names]
    more = f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else ""
    return f"{', '.join(shown[:_MOST_NAMED])}{more} {'is' if len(shown) == 1 else 'are'}"


def _place(cursor: Cursor, iteration: int) -> str:
    epoch, batch = cursor.calendar.place(iteration)
    return f"{epoch}:{batch}"
