"""Keys in turn: one is done with before the next is looked at.

Textual hands a key to the widget with the focus and looks no further; what the key means is carried out later, when it
has come up to the application, and the focus moves later still. Over a slow line several keys arrive at once: after the
“:” of “:print loss”, each letter would be taken as a key of the program. So the next key waits until all that the one
before has set going has passed through the queues on its way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

# From the key to its command, from that to the focus or to another screen, from there to the widget that takes letters;
# and for what is typed on a line: from Enter to the text, from that to the command.
_ROUNDS = 4
_PATIENCE = 1.0  # seconds until a key goes on all the same: a widget that is stuck must not make the keyboard dead


class KeyQueue:
    """The keys of an application, carried out one after another, however quickly they arrive."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._since: float | None = None  # when the key that is under way set out

    async def take(self, event: events.Event, carry_out: Callable[[events.Event], Awaitable[None]]) -> None:
        """Carry out an event; hold back a key while another is under way."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await carry_out(event)
        elif self._since is not None and monotonic() - self._since < _PATIENCE:
            self._waiting.append(event)
        else:
            self._since = monotonic()
            path = self._path()
            await carry_out(event)
            await self._follow(path, _ROUNDS)

    def _path(self) -> list[MessagePump]:
        """Those that a key goes through: the widget with the focus, what it is in, the application."""
        app = self._app
        if not app._screen_stack:
            return [app]
        return list((app.focused or app.screen).ancestors_with_self)

    async def _follow(self, path: list[MessagePump], rounds: int) -> None:
        """Go behind the key through one queue after another; one that is closed has nothing to do with it any more."""
        while path:
            if path.pop(0).call_later(self._follow, path, rounds):
                return
        if rounds > 1:
            await self._follow(self._path(), rounds - 1)
            return
        self._since = None
        if self._waiting:
            await self._app.on_event(self._waiting.popleft())
