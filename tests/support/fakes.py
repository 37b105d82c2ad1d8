"""Snapshots as an engine would send them, for tests of what is drawn."""

from __future__ import annotations

import math

import msgspec

from engine.protocol.messages import VIEWS
from engine.protocol.positions import Position, Status
from engine.protocol.views import (
    BatchView,
    Curve,
    Distribution,
    Gradient,
    LandscapeView,
    LossView,
    Snapshot,
    TensorView,
)
from tests.support import fake_views as views


def backward() -> Snapshot:
    """On the way back through the second layer."""
    gradients = {"ℒ": 1.0, "Z[3]": 0.1184, "W[3]": 0.2, "b[3]": 0.05, "A[2]": 0.102, "Z[2]": 0.0562}
    return Snapshot(
        run=views.run(),
        status=Status.PAUSED,
        position=Position(epoch=1, batch=12, iteration=12, event=14),
        loss=1.842,
        accuracy=0.47,
        learning_rate=0.1,
        valid_loss=2.31,
        valid_accuracy=0.1,
        tape=views.tape(14),
        here=views.here(),
        graph=views.chain(99, gradients, "Z[2]", "backward"),
        layers=views.layers_view(views.layers()),
        gradients=views.gradients_view(views.parameters(2)),
        curves=views.curves(),
        batch=BatchView(size=views.BATCH, right=34, examples=views.examples()),
        tensor=views.tensor(),
        neurons=views.neurons(),
        landscape=views.landscape(),
    )


def before_training() -> Snapshot:
    """Nothing was run yet."""
    return Snapshot(
        run=views.run(),
        status=Status.PAUSED,
        position=Position(epoch=1, batch=0, iteration=0),
        loss=None,
        accuracy=None,
        learning_rate=0.1,
        valid_loss=2.31,
        valid_accuracy=0.1,
        tape=None,
        here=None,
        graph=views.chain(0, {}, direction="load"),
        layers=views.layers_view(views.layers("W b")),
        gradients=views.gradients_view(views.parameters(0)),
        curves=LossView(Curve("loss", [], [], []), 0, [0], [2.31], [0.1]),
        batch=None,
        tensor=TensorView("", "", "no batch has run — step, or name a parameter: inspect W[1]"),
        neurons=views.neurons(known=False),
        landscape=LandscapeView("parameter", "no batch has run — step a batch"),
    )


def running() -> Snapshot:
    """A whole batch done, training on."""
    gradients = {node.id: 0.03 for node in views.chain(99, {}).nodes if node.gradient_mark is not None}
    ratios = [1e-3, 2e-2, 5e-5, 1e-3, 1e-3, 1e-3, None, None, None]
    updated = [msgspec.structs.replace(it, ratio=ratio) for it, ratio in zip(views.parameters(6), ratios, strict=True)]
    return Snapshot(
        run=views.run(),
        status=Status.RUNNING,
        position=Position(epoch=2, batch=150, iteration=307),
        loss=0.512,
        accuracy=0.86,
        learning_rate=0.1,
        valid_loss=0.6,
        valid_accuracy=0.84,
        tape=views.tape(len(views.OPS)),
        here=views.here(),
        graph=views.chain(99, gradients, direction="update"),
        layers=views.layers_view(views.layers("W b Z A dZ dA dW db", 0.41)),
        gradients=views.gradients_view(updated),
        distribution=views.distribution(),
        curves=views.curves(300),
        batch=BatchView(size=views.BATCH, right=55, examples=views.examples(32)),
        tensor=views.tensor("Z[2]", 1.5, 64, 16),
        neurons=views.neurons(0.8),
        landscape=views.landscape(9),
    )


def resnet() -> Snapshot:
    """A graph that is no chain."""
    return _with(backward(), graph=views.residual())


def broken() -> Snapshot:
    """Not-a-number and infinity wherever a number can be."""
    nan, inf = math.nan, math.inf
    gradients = dict.fromkeys(["ℒ", "Z[3]", "A[2]"], nan) | {"Z[2]": inf}
    norms = [nan, inf, -inf, 0.0, 1e-45, 3e38]
    parameters_ = [
        Gradient(it.name, it.layer, norm, norm, it.kind, norms)
        for it, norm in zip(views.parameters(6), norms, strict=False)
    ]
    return _with(
        backward(),
        loss=nan,
        accuracy=0.0,
        graph=views.chain(99, gradients, "Z[2]", "backward"),
        layers=views.layers_view(views.layers("W b Z A dZ dA", nan, bad=1.0)),
        gradients=views.gradients_view(parameters_),
        distribution=Distribution("dW[1]", [32, 784], nan, nan, [], 0.0, 1.0, [-12, 4], [1], [bytes(32)]),
        curves=LossView(Curve("loss", [1.0, 2.0], [nan, inf], [nan, inf]), 2, [0], [nan], [nan]),
        tensor=views.tensor("dZ[2]", nan),
        neurons=views.neurons(nan),
        landscape=views.landscape(1, nan),
    )


def without_pictures() -> Snapshot:
    """Examples that are no images."""
    return _with(backward(), batch=BatchView(size=views.BATCH, right=34, examples=views.examples(pictures=False)))


def bare() -> Snapshot:
    """No pane was looked at."""
    return _with(backward(), **dict.fromkeys(VIEWS))


def _with(snapshot: Snapshot, **changes: object) -> Snapshot:
    return msgspec.structs.replace(snapshot, **changes)


ALL = (backward, before_training, running, resnet, broken, without_pictures, bare)
