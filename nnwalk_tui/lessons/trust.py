"""What a lesson may do by itself: look, step and set. Whatever reaches further is the reader's to allow, each time.

The course's own lessons, and those that the reader vouches for (`--trust`), are not asked about.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from engine.course.requests import parse_request
from engine.experiments.experiment import Experiment
from engine.protocol import commands as ask
from engine.protocol.command_table import parse
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.lessons.document import Lesson, Script, Start, calls
from nnwalk_tui.lessons.library import BUNDLED


def is_ours(lesson: Lesson) -> bool:
    """Whether a lesson is of the course that comes with the program."""
    return lesson.path.resolve().parent == COURSE.resolve()


def reach(command: str) -> str:
    """What a command does beyond looking, stepping and setting, "write /home/ada/run.json"; "" for nothing."""
    match parse(command):
        case ask.Save(path, over) | ask.Export(_, path, over) | ask.Write(_, path, over):
            return f"{'replace' if over else 'write'} {_whole(path)}"
        case ask.Compute(request):
            return _opened(str(parse_request(request).arguments.get("source", BUNDLED)))
    return ""


def reach_of(experiment: Experiment) -> str:
    """The same of an experiment: the data that it opens."""
    return _opened(experiment.data)


def reaches(lesson: Lesson) -> Iterator[tuple[int, str]]:
    """All that a lesson would ask for: the line of its file, and what it does."""
    for block in (block for page in lesson.pages for block in page.blocks):
        if isinstance(block, Start):
            found = [(block.line, reach_of(block.experiment))]
        else:
            asked = block.commands if isinstance(block, Script) else calls(block)
            found = [(call.line, reach(call.command)) for call in asked]
        yield from ((line, what) for line, what in found if what)


def _opened(source: str) -> str:
    if source == BUNDLED:
        return ""
    return "open MNIST, which is fetched if it is not there" if source == "mnist" else f"open {_whole(source)}"


def _whole(path: str) -> str:
    """A path as it is: from the root, links followed."""
    try:
        return os.path.realpath(Path(path).expanduser())
    except (OSError, RuntimeError, ValueError):
        return path
