"""What a learner has read and answered, kept in the user's state folder between one visit and the next."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from engine.files import keep, our_folder
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.lessons.document import Lesson


class Answered(msgspec.Struct):
    """A question's history: how often it was tried, and whether it has been answered rightly."""

    tries: int = 0
    right: bool = False
    first: bool = False  # right at the first try
    shown: bool = False  # the answer was asked for instead


class Visited(msgspec.Struct):
    """A lesson's: the page to go on with, the furthest reached (both from 0), and the questions."""

    page: int = 0
    furthest: int = -1
    done: bool = False
    questions: dict[str, Answered] = {}


class Progress:
    """All of it. What cannot be written is forgotten at the end, and nothing else is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lessons: dict[str, Visited] = {}
        with contextlib.suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
            self._lessons = msgspec.json.decode(path.read_bytes(), type=dict[str, Visited])

    def of(self, lesson: Lesson) -> Visited:
        """What is known of a lesson; a teacher's is kept apart from the course's of the same name."""
        return self._lessons.setdefault(_key(lesson), Visited())

    def reached(self, lesson: Lesson, page: int) -> None:
        """A page was opened."""
        visited = self.of(lesson)
        visited.page, visited.furthest = page, max(visited.furthest, page)
        self.save()

    def answered(self, lesson: Lesson, question: str, right: bool) -> None:
        """A question was tried."""
        known = self.of(lesson).questions.setdefault(question, Answered())
        if not known.right and not known.shown:
            known.tries += 1
            known.first = right and known.tries == 1
            known.right = right
        self._end(lesson)
        self.save()

    def gave_up(self, lesson: Lesson, question: str) -> None:
        """A question's answer was asked for."""
        known = self.of(lesson).questions.setdefault(question, Answered())
        known.shown = known.shown or not known.right
        self._end(lesson)
        self.save()

    def is_open(self, lesson: Lesson, question: str) -> bool:
        """Whether a question still hides what comes after it."""
        known = self.of(lesson).questions.get(question)
        return known is None or not (known.right or known.shown)

    def finished(self, lesson: Lesson) -> bool:
        """Whether every page was read and every question settled."""
        self._end(lesson)
        return self.of(lesson).done

    def save(self) -> None:
        """Write it; a disk that is full or read-only must not end a lesson."""
        with contextlib.suppress(OSError):
            content = msgspec.json.format(msgspec.json.encode(self._lessons))
            keep(our_folder(self._path.parent) / self._path.name, content)

    def _end(self, lesson: Lesson) -> None:
        visited = self.of(lesson)
        read = visited.furthest >= len(lesson.pages) - 1
        visited.done = visited.done or (read and not any(self.is_open(lesson, q.name) for q in lesson.questions))


def summary(progress: Progress, lesson: Lesson) -> str:
    """A lesson's progress in a few words: "page 2 of 5 · 1 of 3 right"."""
    visited = progress.of(lesson)
    if progress.finished(lesson):
        state = "done"
    elif visited.furthest < 0:
        return "new"
    else:
        state = f"page {visited.page + 1} of {len(lesson.pages)}"
    right = sum(visited.questions.get(q.name, Answered()).right for q in lesson.questions)
    return f"{state} · {right} of {len(lesson.questions)} right" if lesson.questions else state


def default_path() -> Path:
    """The file in the user's state folder."""
    from platformdirs import user_state_path

    return user_state_path("nnwalk-tui") / "lessons.json"


def _key(lesson: Lesson) -> str:
    return lesson.slug if lesson.path.parent == COURSE else str(lesson.path.resolve())
