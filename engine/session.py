"""The whole engine as one object: a Debugger that is told what to do in words.

    session = Session(model, loss, optimizer, loader, epochs=4)
    session.step(Unit.OP, 3)
    session.do("print dZ[2][17,3]").value

Works in-process, without a screen: for tests, notebooks and headless scripts. The engine process is a thin loop
around it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from engine.debugger import Debugger
from engine.errors import CommandError, EngineError, ModelError
from engine.files import FileThereError
from engine.interpreter import carry_out
from engine.lookup.answers import plain_value
from engine.program.program import Program, Supervised
from engine.protocol.command_table import parse
from engine.protocol.messages import Do
from engine.protocol.replies import Answer
from engine.users_code import message_of


class Session(Debugger):
    """A training run to be debugged.

    `model` is any nn.Module; `loss(output, targets)` gives one number; `loader` is any re-iterable of mini-batches
    (inputs, targets); `validation` likewise; options are a Cursor's. `Session.of` takes any Program: several models,
    optimizers and losses, and a step of one's own.

    Raises HistoryError for a loader that can be read only once.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Optimizer,
        loader: Iterable[Any],
        *,
        validation: Iterable[Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(Supervised(model, loss, optimizer, loader, validation=validation), **options)

    @classmethod
    def of(cls, program: Program, **options: Any) -> Session:
        """A session of any program, before training."""
        session = cls.__new__(cls)
        Debugger.__init__(session, program, **options)
        return session

    def do(self, text: str, id: int = 0) -> Answer:
        """Carry out a line of text; what goes wrong is in the answer's `error`, and nothing is lost."""
        try:
            command = parse(text)
        except CommandError as error:
            return Answer(id, text, self.position, error=str(error))
        return self.obey(Do(id, text, command))

    def obey(self, request: Do) -> Answer:
        """Carry out a command; what goes wrong is in the answer's `error`, and nothing is lost."""
        id, text = request.id, request.text
        try:
            outcome = carry_out(self, request.command)
        except FileThereError as error:
            return Answer(id, text, self.position, error=str(error), in_the_way=str(error.path))
        except EngineError as error:
            details = error.details if isinstance(error, ModelError) else ""
            return Answer(id, text, self.position, error=str(error), details=details)
        except Exception as error:  # the engine's own fault: it is told whole, and the run is there still
            said = f"this is an error of nnwalk-tui itself: {type(error).__name__}: {message_of(error)}"
            return Answer(id, text, self.position, error=said, details=traceback.format_exc())
        value, said = outcome.value, outcome.text
        warning = "; ".join(filter(None, [*self.notices, self.timeline.divergence]))
        self.notices, self.timeline.divergence = [], ""
        numbers = self.moment.metrics() if value is None else {}
        return Answer(id, text, self.position, plain_value(value), numbers, said, warning=warning, hit=outcome.hit)
