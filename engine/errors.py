"""What can go wrong, said so that the reader knows the thing and the cure."""

from __future__ import annotations


class EngineError(Exception):
    """Something the user can mend: what is wrong, and what to do about it."""

    def __init__(self, problem: str, cure: str = "") -> None:
        super().__init__(f"{problem} — {cure}" if cure else problem)
        self.problem = problem
        self.cure = cure


class DataError(EngineError):
    """A data file or folder that cannot be used."""


class ExperimentError(EngineError):
    """Options that do not fit together."""


class CommandError(EngineError):
    """A command that is not understood, or cannot be done here."""


class ExpressionError(EngineError):
    """An expression that cannot be parsed or evaluated."""


class NotComputedYetError(ExpressionError):
    """A value that exists later in this batch than where the cursor stands."""


class HistoryError(EngineError):
    """An earlier position that cannot be reached again."""


class RecordingError(EngineError):
    """A recording, or another file of a run, that cannot be read or written."""


class ModelError(EngineError):
    """The user's own code raised; `details` is its traceback, ending at the user's line."""

    def __init__(self, problem: str, cure: str = "", details: str = "") -> None:
        super().__init__(problem, cure)
        self.details = details


class RunOverError(HistoryError):
    """A run whose end nobody knew beforehand has no other batch."""
