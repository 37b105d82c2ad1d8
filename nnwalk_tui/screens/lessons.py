"""The list of lessons, with what has been read and answered."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from nnwalk_tui.lessons.document import Lesson
from nnwalk_tui.lessons.progress import Progress, summary
from nnwalk_tui.render.text import Line, fit
from nnwalk_tui.screens.list import ListScreen, MarkedList, blank

_WIDE = 100  # cells from which answers are counted in the list
_FIXED = 39  # cells of a lesson's mark, name, section and minutes, and of the blank at the right edge


class LessonsScreen(ListScreen["LessonList"]):
    """Choose a lesson with ↑ ↓ and Enter; Esc leaves. Gives the lesson's name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,t", "leave", show=False),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("space,right", "choose", show=False),
    ]

    def __init__(self, lessons: tuple[Lesson, ...], progress: Progress, current: str = "") -> None:
        super().__init__(LessonList(lessons, progress, current or _to_go_on_with(lessons, progress), id="lessons"))


def _to_go_on_with(lessons: tuple[Lesson, ...], progress: Progress) -> str:
    """The first lesson that is not done."""
    return next((each.slug for each in lessons if not progress.finished(each)), lessons[0].slug)


class LessonList(MarkedList[Lesson]):
    """The lessons, and under them what the marked one finds out."""

    FOOT = 3  # a blank row, what is found out, and the keys

    def __init__(self, lessons: tuple[Lesson, ...], progress: Progress, current: str, *, id: str) -> None:
        super().__init__(lessons, next((at for at, each in enumerate(lessons) if each.slug == current), 0), id=id)
        self._progress = progress

    @property
    def opens(self) -> str:
        """The marked lesson's name."""
        return self.chosen.slug if self.chosen else ""

    def head(self) -> Line:
        """How many lessons are done."""
        done = sum(self._progress.finished(each) for each in self.items)
        return [(f" Lessons — {done} of {len(self.items)} done", "title")]

    def row(self, item: Lesson, here: bool, width: int) -> Line:
        """A lesson's name, title, section and length, and how far it was read."""
        mark = "✓" if self._progress.finished(item) else " "
        longest = max(len(self._state(other, width)) for other in self.items)
        title = max(12, width - _FIXED - longest)
        return [
            (f"{mark} ", "right"),
            (f"{item.slug:<13} ", "here" if here else "text"),
            (fit(item.title, title), "title" if here else "text"),
            (f" §{item.section:<8} {item.minutes:>2} min  ", "quiet"),
            (self._state(item, width), "quiet"),
        ]

    def _state(self, lesson: Lesson, width: int) -> str:
        """How far a lesson was read, and, where that leaves room for titles, how many answers were right."""
        state = summary(self._progress, lesson)
        return state if width >= _WIDE else state.partition(" · ")[0]

    def foot(self, width: int, height: int) -> list[Line]:
        """What the marked lesson finds out, the keys, and how many lessons are out of view."""
        finds = f" You will find out {self.chosen.finds}." if self.chosen else ""
        keys = self.keys("↑ ↓ choose · enter open · esc back", width)
        return [*blank(height - 2), [(fit(finds, width), "text")], keys]
