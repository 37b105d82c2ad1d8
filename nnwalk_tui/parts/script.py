"""Commands that are carried out one after another, up to the first that fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable


class Script:
    """Each command waits for the one before: one that moves the cursor would end a run."""

    def __init__(self, lines: Iterable[str], perform: Callable[[str], None], busy: Callable[[], bool]) -> None:
        self._lines = deque(lines)
        self._perform = perform
        self._busy = busy

    def go_on(self) -> None:
        """Carry out what need not wait."""
        while self._lines and not self._busy():
            self._perform(self._lines.popleft())

    def stop(self) -> None:
        """Forget the rest."""
        self._lines.clear()
