"""What is shown on a terminal that is too small for a pane."""

from __future__ import annotations

from textual.strip import Strip

from nnwalk_tui.places.layout import LEAST_HEIGHT, LEAST_WIDTH
from nnwalk_tui.screens.bars import Bar


class TooSmall(Bar):
    """Asks for room, in as little room as there is."""

    def render_line(self, y: int) -> Strip:
        """The message, centred as far as it fits."""
        width, height = self.size
        words = ["too small", f"{width}x{height}, needs {LEAST_WIDTH}x{LEAST_HEIGHT}", "q quits"]
        top = max(0, (height - len(words)) // 2)
        text = words[y - top] if 0 <= y - top < len(words) else ""
        return self.strip([(text.center(width), "text")])
