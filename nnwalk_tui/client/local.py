"""A target in the screen's own process: it answers before `send` returns. For pictures, headless mode and tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from engine.protocol.frames import alike
from engine.protocol.messages import Arrange, Do, Look, ToEngine
from engine.protocol.replies import Answer, Frame
from engine.protocol.views import Snapshot
from nnwalk_tui.client.target import Can, FromTarget


class Run(Protocol):
    """What is run: a session, or a made-up one."""

    def obey(self, request: Do) -> Answer:
        """Carry out a command."""
        ...

    def see(self, look: Look) -> Snapshot:
        """What there is to be seen."""
        ...

    def arrange(self, layout: dict[str, Any]) -> None:
        """Take note of the screen's layout."""
        ...


class Local:
    """Shows one run; it neither ends nor becomes another."""

    can = Can(reopen=False, restart=False)

    def __init__(self, run: Run) -> None:
        self.run = run
        self._tell: Callable[[FromTarget], None] = lambda _: None
        self._look: Look | None = None
        self._sent: Snapshot | None = None

    def start(self) -> None:
        """Nothing needs to be started."""

    def on_message(self, callback: Callable[[FromTarget], None]) -> None:
        """Hand every message to `callback`; there are none before something is sent."""
        self._tell = callback

    def send(self, message: ToEngine) -> None:
        """Do it now. Between two calls nothing runs, so there is nothing to interrupt."""
        match message:
            case Do():
                self.tell(self.run.obey(message))
            case Look():
                self._look = message
            case Arrange(layout):
                self.run.arrange(layout)
        self.serve()

    def tell(self, message: FromTarget) -> None:
        """Say something to the screen."""
        self._tell(message)

    def serve(self) -> None:
        """Send the next frame if one is asked for and it differs from the last."""
        if self._look is not None and not alike(seen := self.run.see(self._look), self._sent):
            self._look, self._sent = None, seen
            self.tell(Frame(seen))

    def close(self) -> None:
        """The run goes on without a screen."""
