"""Where lessons are, and which one a name means."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from engine.errors import EngineError
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.lessons.document import Block, Lesson, Problem, Start
from nnwalk_tui.lessons.parser import read_lesson

BUNDLED = "subset"  # the digits of an experiment that names no others


class LessonError(EngineError):
    """A lesson that there is not, or that cannot be taught."""


def lesson_files(folder: Path) -> list[Path]:
    """The files of a folder that are lessons: all .md but a README."""
    return sorted(path for path in folder.glob("*.md") if path.stem.lower() != "readme")


@cache
def lessons(folder: Path = COURSE) -> tuple[Lesson, ...]:
    """All lessons of a folder in their order. Raises LessonError naming the first problem, or that there are none."""
    if not folder.is_dir():
        raise LessonError(f"there is no folder {folder}", "--lessons takes a folder of .md files")
    found, problems = [], list[tuple[Path, Problem]]()
    for path in lesson_files(folder):
        lesson, wrong = read_lesson(path)
        if lesson is not None:
            found.append(lesson)
        problems += [(path, problem) for problem in wrong]
    if problems:
        path, problem = problems[0]
        raise LessonError(f"{path}:{problem.line}: {problem.text}", f"nnwalk-tui lesson --check {path}")
    if not found:
        raise LessonError(f"there are no lessons in {folder}", "a lesson is a .md file")
    return tuple(sorted(found, key=lambda lesson: (lesson.order, lesson.slug)))


def on_data(lesson: Lesson, data: str | None) -> Lesson:
    """The lesson with its experiments on other digits than the bundled ones."""
    if data is None:
        return lesson
    pages = [replace(page, blocks=tuple(_on(block, data) for block in page.blocks)) for page in lesson.pages]
    return replace(lesson, pages=tuple(pages))


def _on(block: Block, data: str) -> Block:
    if not isinstance(block, Start) or block.experiment.data != BUNDLED:
        return block
    return replace(block, experiment=replace(block.experiment, data=data))


def find(name: str, folder: Path = COURSE) -> Lesson:
    """The lesson of a name, or the first whose name begins with it. Raises LessonError with what there is."""
    every = lessons(folder)
    exact = [lesson for lesson in every if lesson.slug == name]
    for lesson in (*exact, *(lesson for lesson in every if lesson.slug.startswith(name))):
        return lesson
    known = [lesson.slug for lesson in every]
    near = difflib.get_close_matches(name, known, n=1)
    raise LessonError(
        f"there is no lesson “{name}”", f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    )
