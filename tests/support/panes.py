"""One pane in an application of its own."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot

from engine.protocol.views import Snapshot
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.panes.tape import TapePane
from nnwalk_tui.panes.timeline import TimelinePane


class Stage(App[None]):
    """One pane that fills the screen."""

    AUTO_FOCUS = None

    def __init__(self, pane: Pane) -> None:
        super().__init__()
        self.pane = pane
        self.messages: list[Message] = []
        pane.styles.height = "1fr"

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_tape_pane_chosen(self, message: TapePane.Chosen) -> None:
        self.messages.append(message)

    def on_pane_wants(self, message: Pane.Wants) -> None:
        self.messages.append(message)

    def on_pane_said(self, message: Pane.Said) -> None:
        self.messages.append(message)

    def on_timeline_pane_cursor_moved(self, message: TimelinePane.CursorMoved) -> None:
        self.messages.append(message)

    def lines(self) -> list[str]:
        return [self.pane.render_line(y).text for y in range(self.pane.size.height)]

    def text(self) -> str:
        return "\n".join(self.lines())


async def shown(pilot: Pilot[None], snapshot: Snapshot | None) -> str:
    assert isinstance(pilot.app, Stage)
    pilot.app.pane.show(snapshot)
    await pilot.pause()
    return pilot.app.text()
