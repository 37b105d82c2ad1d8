"""The lesson that is being read."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events

from engine.protocol.views import Snapshot
from nnwalk_tui.panes.base import MARGIN, Pane
from nnwalk_tui.render.text import Line

if TYPE_CHECKING:
    from nnwalk_tui.lessons.guide import Guide


class LessonPane(Pane):
    """A page of a lesson; it draws what its guide says, whatever the snapshot."""

    about: ClassVar[str] = (
        "enter goes on: it does the next thing, answers, or turns the page; an answer may be typed at once; "
        ", and . turn pages, t lists"
    )

    _ahead = 0  # line of what comes next

    def show(self, snapshot: Snapshot | None) -> None:
        """The lesson does not follow the run."""

    def part(self, snapshot: Snapshot) -> object | None:
        """Nothing of the snapshot."""
        return None

    def tell(self, guide: Guide | None, *, from_top: bool = False) -> None:
        """Draw what the guide says now."""
        self.data = guide
        if from_top:
            self._top, self._followed = 0, None
        self.redraw()

    def status(self) -> str:
        """Which lesson, and which of its pages."""
        guide: Guide = self.data
        return f"{guide.lesson.slug} · {guide.page + 1} of {len(guide.lesson.pages)}"

    def draw(self, width: int, height: int) -> list[Line]:
        """The page, as far as there is room: what comes next, unless what came last would go out of view for it."""
        from nnwalk_tui.render.lesson import page  # only lessons need it, and the first picture does not wait for it

        shown = page(self.data, width)
        edge = min(MARGIN, height // 3)
        self._ahead = shown.follow
        follow = min(shown.follow, shown.latest + height - 1 - edge)
        top = self.window(len(shown.lines), height, follow if follow >= height - edge else None)
        return shown.lines[top : top + height]

    def on_key(self, event: events.Key) -> None:
        """What begins an answer, while a question is open, lets it be typed."""
        from nnwalk_tui.lessons.questions import begins_answer

        guide: Guide | None = self.data
        question = guide.open_question() if guide else None
        if question is not None and event.character and begins_answer(question, event.character):
            event.stop()
            event.prevent_default()
            self.post_message(self.Asked(f"command answer {event.character}"))

    def scroll_on(self) -> bool:
        """Scroll on towards what comes next, while that is below; False where it is in view."""
        height = self.size.height
        if self._ahead < self._top + height:
            return False
        self._top += max(1, height - 2)
        self.redraw()
        return True
