"""The list of lessons, with what has been read and answered."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from nnwalk_tui.lessons.document import Lesson
from nnwalk_tui.lessons.progress import Progress, summary
from nnwalk_tui.render.frame import beyond
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, fit
from nnwalk_tui.screens.bars import Bar

_FIXED = 38  # cells of a lesson's mark, name, section and minutes


class LessonsScreen(Screen[str | None]):
    """Choose a lesson with ↑ ↓ and Enter; Esc leaves. Gives the lesson's name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,t,ctrl+c", "leave", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("home", "move(-999)", show=False),
        Binding("end", "move(999)", show=False),
        Binding("enter,space,right", "choose", show=False),
    ]

    def __init__(self, lessons: tuple[Lesson, ...], progress: Progress, current: str = "") -> None:
        super().__init__()
        self.list = LessonList(lessons, progress, current or _to_go_on_with(lessons, progress), id="lessons")

    def compose(self) -> ComposeResult:
        """One list."""
        yield self.list

    def action_move(self, by: int) -> None:
        """Go up or down."""
        self.list.move(by)

    def action_choose(self) -> None:
        """Open the marked lesson."""
        self.dismiss(self.list.chosen)

    def action_leave(self) -> None:
        """Open none."""
        self.dismiss(None)


def _to_go_on_with(lessons: tuple[Lesson, ...], progress: Progress) -> str:
    """The first lesson that is not done."""
    return next((each.slug for each in lessons if not progress.finished(each)), lessons[0].slug)


class LessonList(Bar):
    """The lessons, the marked one kept in view."""

    DEFAULT_CSS = "LessonList { height: 100%; }"

    def __init__(self, lessons: tuple[Lesson, ...], progress: Progress, current: str, *, id: str) -> None:
        super().__init__(id=id)
        self._lessons = lessons
        self._progress = progress
        self._at = next((at for at, each in enumerate(lessons) if each.slug == current), 0)
        self._top = 0

    @property
    def chosen(self) -> str:
        """The marked lesson's name."""
        return self._lessons[self._at].slug

    def move(self, by: int) -> None:
        """Mark another."""
        self._at = max(0, min(self._at + by, len(self._lessons) - 1))
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the new size."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Mark what is under the mouse."""
        row = event.y - 2 + self._top
        if 0 <= row < len(self._lessons):
            self.move(row - self._at)

    def _draw(self) -> None:
        width, height = self.size
        rows = max(1, height - 5)
        self._top = max(min(self._top, self._at), self._at - rows + 1)
        done = sum(self._progress.finished(each) for each in self._lessons)
        lines: list[Line] = [[(f" Lessons — {done} of {len(self._lessons)} done", "title")], []]
        for at, each in list(enumerate(self._lessons))[self._top : self._top + rows]:
            lines.append(self._row(each, at == self._at, width))
        lines += [[] for _ in range(height - 2 - len(lines))]
        lines.append([(fit(f" You will find out {self._lessons[self._at].finds}.", width), "text")])
        below = len(self._lessons) - self._top - rows
        more = "".join(f" · {part}" for part in beyond(self._top, max(0, below)))
        lines.append([(drawn(f" ↑ ↓ choose · enter open · esc back{more}"), "quiet")])
        self.put(lines)

    def _row(self, each: Lesson, here: bool, width: int) -> Line:
        state = summary(self._progress, each)
        mark = "✓" if self._progress.finished(each) else " "
        longest = max(len(summary(self._progress, other)) for other in self._lessons)
        title = max(12, width - _FIXED - longest)
        return [
            (" ▶ " if here else "   ", "here"),
            (f"{mark} ", "right"),
            (f"{each.slug:<13} ", "here" if here else "text"),
            (fit(each.title, title), "title" if here else "text"),
            (f" §{each.section:<8} {each.minutes:>2} min  ", "quiet"),
            (state, "quiet"),
        ]
