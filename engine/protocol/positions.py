"""Where a run stands, and the words for it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Unit(StrEnum):
    """The grain of a step, from fine to coarse."""

    OP = "op"
    TIME = "time"  # of a recurrent cell, a call; where a program has none, as a layer
    LAYER = "layer"
    PHASE = "phase"
    BATCH = "batch"
    EPOCH = "epoch"


class Phase(StrEnum):
    """The parts of one mini-batch, in the order in which they usually run; a batch may come to one several times."""

    LOAD = "load"
    FORWARD = "forward"
    LOSS = "loss"
    BACKWARD = "backward"
    BETWEEN = "between"  # clipping, scaling, clearing gradients
    UPDATE = "update"


class Status(StrEnum):
    """What the engine is doing."""

    PAUSED = "paused"
    RUNNING = "running"
    TRAVELLING = "travelling"  # replaying batches on the way to another position
    ENDED = "ended"  # the last batch of the last epoch is done


class Mark(StrEnum):
    """How far the cursor has got with a node of the graph."""

    TODO = "todo"
    DONE = "done"
    HERE = "here"
    UPDATED = "updated"  # of a parameter: done, and changed by this batch's update


class Position(msgspec.Struct, frozen=True):
    """Where the cursor stands. Epochs and batches count from 1; batch 0 is before training.

    `event` is the number of events of the batch that are done, None when the whole batch is.
    `iteration` is the number of the batch counted over all epochs.
    """

    epoch: int
    batch: int
    iteration: int
    event: int | None = None
