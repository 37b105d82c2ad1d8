"""How an experiment alters its digits, as its options say it: read and checked. It loads no torch."""

from __future__ import annotations

import re

from engine.errors import ExperimentError

GIVEN, RANDOM, UNMOVED = "given", "random", "none"
MOST_MOVED = 27  # pixels: of 28, something stays in view

_NOISY = re.compile(r"noisy:(\d{1,2}(?:\.\d{1,6})?|100)%")
_SHIFT = re.compile(r"shift:(\d{1,2})")


def wrong_share(labels: str) -> float:
    """The share 0…1 of labels that are replaced by a wrong one. Raises ExperimentError for no value of --labels.

    Of random labels it is 0: they are drawn without regard to what is right.
    """
    if labels in (GIVEN, RANDOM):
        return 0.0
    found = _NOISY.fullmatch(labels)
    if found is None:
        raise ExperimentError(f"there are no labels “{labels:.40}”", "use given, random, or for example noisy:20%")
    return float(found.group(1)) / 100


def widest_shift(augment: str) -> int:
    """By how many pixels at most a training picture is moved. Raises ExperimentError for no value of --augment."""
    if augment == UNMOVED:
        return 0
    found = _SHIFT.fullmatch(augment)
    if found is None or not 1 <= int(found.group(1)) <= MOST_MOVED:
        raise ExperimentError(
            f"there is no augmentation “{augment:.40}”", f"use none, or shift:1 to shift:{MOST_MOVED}, like shift:2"
        )
    return int(found.group(1))
