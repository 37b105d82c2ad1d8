"""Expressions that are plotted: a number for each batch that is run, or replayed, from when the plot was asked for."""

from __future__ import annotations

import ast
from contextlib import suppress

from torch import Tensor

from engine.errors import CommandError, EngineError, ExpressionError, NotComputedYetError
from engine.history.timeline import Timeline
from engine.lookup.expressions import evaluate_tree, parse
from engine.lookup.live import LiveValues
from engine.lookup.moment import Moment
from engine.lookup.scalars import scalars_at
from engine.lookup.values import Values

NAMED = ("loss", "accuracy", "learning_rate")  # always at hand


class Plots:
    """The expressions, as they were typed, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.trees: dict[str, ast.expr] = {}

    def add(self, moment: Moment, text: str) -> None:
        """Plot an expression from here on. Raises EngineError where it is none, or no single number."""
        if text in NAMED:
            return
        values = moment.values
        tree = parse(text, values.is_named, values.row_of)
        with suppress(NotComputedYetError):  # it will be
            _one_number(evaluate_tree(tree, values), text)
        self.trees[text] = tree
        self.note_here(moment)

    def remove(self, text: str) -> None:
        """Plot it no more. Raises CommandError where it is not plotted."""
        if text not in self.trees:
            raise CommandError(f"“{text}” is not plotted", f"plotted are {', '.join(self.trees) or 'none'}")
        del self.trees[text]

    def note(self, timeline: Timeline, iteration: int) -> None:
        """Keep what the expressions are at the end of the batch that the trainer has just done."""
        if self.trees:
            values = LiveValues(timeline, {})
            values.scalars = scalars_at(timeline, iteration)
            self._note(timeline, iteration, values)

    def note_here(self, moment: Moment) -> None:
        """The same at the cursor, at the end of a batch: values of the forward pass are known there, too."""
        if self.trees and moment.iteration and moment.event is None:
            values = moment.at(moment.iteration).values
            values.scalars = scalars_at(moment.timeline, moment.iteration)
            self._note(moment.timeline, moment.iteration, values)

    def _note(self, timeline: Timeline, iteration: int, values: Values) -> None:
        known: dict[str, float] = {}
        for text, tree in self.trees.items():
            if timeline.plotted.at(text, iteration) is None:
                with suppress(EngineError):  # it is not known of this batch
                    known[text] = _one_number(evaluate_tree(tree, values), text)
        timeline.plotted.note(iteration, known)


def _one_number(value: object, text: str) -> float:
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value)
    if isinstance(value, bool | int | float):
        return float(value)
    raise ExpressionError(f"{text} is not one number", f"plot norm({text}), mean({text}) …")
