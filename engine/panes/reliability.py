"""Whether a network is right as often as it is sure: accuracy against confidence, in bins of equal width."""

from __future__ import annotations

from engine.errors import ExpressionError
from engine.panes.predicted import Predicted
from engine.protocol.views import Reliability, SureBin

BINS = 10


def reliability(it: Predicted) -> Reliability:
    """The bins that hold examples, the surest first; `error` is the expected calibration error (Guo et al., 2017).

    Raises ExpressionError where the model's outputs are no probabilities.
    """
    if it.likely is None:
        raise ExpressionError("the model's output is no probabilities of classes", "nothing says how sure it is")
    likely, right = it.likely.double(), it.guesses.eq(it.labels).double()
    places = (likely * BINS).long().clamp(max=BINS - 1)
    bins = []
    for at in reversed(range(BINS)):
        inside = places == at
        if count := int(inside.sum()):
            bins.append(
                SureBin(at / BINS, (at + 1) / BINS, count, float(likely[inside].mean()), float(right[inside].mean()))
            )
    error = sum(each.count * abs(each.accuracy - each.sure) for each in bins) / len(likely)
    return Reliability(it.of, bins, float(likely.mean()), float(right.mean()), error)
