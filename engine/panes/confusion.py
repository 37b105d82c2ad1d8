"""Which class is taken for which."""

from __future__ import annotations

import torch

from engine.lookup.moment import Moment
from engine.panes.examples import class_name
from engine.panes.predicted import Predicted
from engine.protocol.views import Confusion


def confusion(moment: Moment, it: Predicted) -> Confusion:
    """Counts by class and prediction."""
    classes = max(len(moment.description.classes), int(it.labels.max()) + 1, int(it.guesses.max()) + 1)
    counts = torch.bincount(it.labels * classes + it.guesses, minlength=classes * classes).reshape(classes, classes)
    return Confusion(it.of, [class_name(moment, at) for at in range(classes)], counts.tolist())
