"""Whatever a lesson file holds, it is read or refused by line, without a wait and without doing anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnwalk_tui.lessons import COURSE
from nnwalk_tui.lessons.library import lesson_files
from nnwalk_tui.lessons.parser import read_lesson
from nnwalk_tui.lessons.trust import reaches
from tests.support.mutated import mutated_bytes, mutated_lines

FILES = lesson_files(COURSE)


def read_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    found, problems = read_lesson(path)
    assert (found is None) == bool(problems)
    for problem in problems:
        assert 1 <= problem.line <= content.count(b"\n") + 2
        assert 5 < len(problem.text) < 6000
    if found is not None:
        assert list(reaches(found)) is not None


def attempt(seed: int, path: Path) -> None:
    text = FILES[seed % len(FILES)].read_text(encoding="utf-8")
    read_or_refused(path, mutated_lines(text, seed).encode(errors="surrogatepass"))
    read_or_refused(path, mutated_bytes(text.encode(), seed))


@pytest.mark.parametrize("seed", range(20))
def test_a_mutated_lesson_is_read_or_refused(seed: int, tmp_path: Path) -> None:
    attempt(seed, tmp_path / "lesson.md")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20, 170))
def test_many_mutated_lessons_are_read_or_refused(seed: int, tmp_path: Path) -> None:
    attempt(seed, tmp_path / "lesson.md")


@pytest.mark.parametrize(
    ("line", "says"),
    [("a\x1b]0;x\x07b", "U+001B"), ("x" * 4001, "4,001 characters"), ("a\x9bb", "U+009B")],
    ids=["escape", "long", "csi"],
)
def test_a_line_that_nobody_has_written_is_named(line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"---\ntitle: x\n{line}\n---\n")
    _, problems = read_lesson(tmp_path / "a.md")
    assert problems[0].line == 3
    assert says in problems[0].text


def test_what_is_no_lesson_is_said_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "large.md").touch()
    os.truncate(tmp_path / "large.md", 2**40)
    for name in ("pipe.md", "large.md", "."):
        found, problems = read_lesson(tmp_path / name)
        assert found is None
        assert "no lesson" in problems[0].text
