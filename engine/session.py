"""The whole engine as one object: a Debugger that is told what to do in words.

    session = Session(model, loss, optimizer, loader, epochs=4)
    session.step(Unit.OP, 3)
    session.do("print dZ[2][17,3]").value

Works in-process, without a screen: for tests, notebooks and headless scripts. The engine process is a thin loop
around it.
"""

from __future__ import annotations

import traceback

from engine.debugger import Debugger
from engine.errors import EngineError, ModelError
from engine.interpreter import carry_out
from engine.lookup.answers import plain_value
from engine.protocol.command_table import parse
from engine.protocol.replies import Answer


class Session(Debugger):
    """A training run to be debugged; made of what a Cursor is made of."""

    def do(self, text: str, id: int = 0) -> Answer:
        """Carry out a line of text; what goes wrong is in the answer's `error`, and nothing is lost."""
        try:
            outcome = carry_out(self, parse(text))
        except EngineError as error:
            details = error.details if isinstance(error, ModelError) else ""
            return Answer(id, text, self.position, error=str(error), details=details)
        except Exception as error:  # the engine's own fault: it is told whole, and the run is there still
            said = f"this is an error of nnwalk-tui itself: {type(error).__name__}: {error}"
            return Answer(id, text, self.position, error=said, details=traceback.format_exc())
        value, said = outcome.value, outcome.text
        warning, self.replay.divergence = self.replay.divergence, ""
        numbers = self.moment.metrics() if value is None else {}
        return Answer(id, text, self.position, plain_value(value), numbers, said, warning=warning, hit=outcome.hit)
