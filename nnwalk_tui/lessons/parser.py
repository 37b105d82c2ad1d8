"""Markdown with live fences → a Lesson, or what is wrong with it, by line. See docs/lessons.md for the format."""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import EngineError
from nnwalk_tui.lessons import fences
from nnwalk_tui.lessons.document import Block, Lesson, Page, Problem, Question, Script, Text
from nnwalk_tui.lessons.pieces import LineError, pieces_of

_HEADER = ("title", "section", "minutes", "order", "finds")
_LARGEST = 2**20  # bytes of a file
_LONGEST_LINE = 4000  # characters; Python reads whole numbers of up to 4,300 digits
LONGEST = 10  # minutes that a lesson may take
_WORDS_A_MINUTE = 130  # read with care; questions and steps take time, too
_SECONDS_A_BLOCK = {"question": 30, "try": 30, "compute": 15}


@dataclass
class _File:
    """What has been read so far."""

    slug: str
    lines: list[str]
    at: int = 0  # of the next line, from 0
    header: dict[str, str] = field(default_factory=dict)
    pages: list[tuple[int, str, list[Block]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def wrong(self, line: int, text: str) -> None:
        self.problems.append(Problem(line, text))


def read_lesson(path: Path) -> tuple[Lesson | None, list[Problem]]:
    """The lesson in a file; None, with at least one problem, where it cannot be taught."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return None, [Problem(1, f"no lesson: a lesson is a file of at most {_LARGEST:,} bytes")]
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return None, [Problem(1, f"not UTF-8 from byte {error.start + 1} on; save it as UTF-8")]
    except OSError as error:
        return None, [Problem(1, f"cannot be read: {error.strerror}")]
    return parse_lesson(text, path)


def parse_lesson(text: str, path: Path) -> tuple[Lesson | None, list[Problem]]:
    """The same of a text."""
    file = _File(path.stem, text.splitlines())
    for number, line in enumerate(file.lines, 1):
        if problem := _unreadable(line):
            return None, [Problem(number, problem)]
    _read_header(file)
    _read_body(file)
    _check_whole(file)
    if file.problems:
        return None, sorted(file.problems)
    header = file.header
    pages = tuple(Page(line, title, tuple(blocks)) for line, title, blocks in file.pages)
    return (
        Lesson(
            file.slug,
            header["title"],
            header["section"],
            int(header["minutes"]),
            int(header.get("order", "0")),
            header["finds"],
            pages,
            path,
        ),
        [],
    )


def _unreadable(line: str) -> str:
    """Why no human has written a line; "" where one may have."""
    if len(line) > _LONGEST_LINE:
        return f"the line is {len(line):,} characters long; the most is {_LONGEST_LINE:,}"
    control = next((sign for sign in line if sign != "\t" and unicodedata.category(sign) in ("Cc", "Cs")), "")
    return f"there is a control character in it, U+{ord(control):04X}: take it out" if control else ""


def _read_header(file: _File) -> None:
    if not file.lines or file.lines[0].strip() != "---":
        file.wrong(1, "the first line must be ---, then title, section, minutes and finds, then --- again")
        return
    file.at = 1
    while file.at < len(file.lines) and file.lines[file.at].strip() != "---":
        line, text = file.at + 1, file.lines[file.at]
        key, colon, value = text.partition(":")
        key = key.strip()
        if not colon or key not in _HEADER:
            file.wrong(line, f"the header has no “{key}”; it has {', '.join(_HEADER)}")
        elif key in ("minutes", "order") and not value.strip().isdecimal():
            file.wrong(line, f"{key}: “{value.strip()}” is not a whole number")
        elif key == "minutes" and not 1 <= int(value) <= LONGEST:
            file.wrong(line, f"a lesson takes 1 to {LONGEST} minutes, not {value.strip()}: split it")
        elif key in file.header:
            file.wrong(line, f"the header has {key} twice")
        file.header[key] = value.strip()
        file.at += 1
    if file.at >= len(file.lines):
        file.wrong(1, "the header does not end: a line with --- is missing")
    file.at += 1
    for key in ("title", "section", "minutes", "finds"):
        if not file.header.get(key):
            file.wrong(1, f"the header lacks {key}")


def _read_body(file: _File) -> None:
    while file.at < len(file.lines):
        line, text = file.at + 1, file.lines[file.at]
        if text.startswith("```"):
            _read_fence(file)
        elif text.startswith("# "):
            file.pages.append((line, text[2:].strip(), []))
            file.at += 1
        elif not text.strip():
            file.at += 1
        else:
            _read_text(file)


def _blocks(file: _File, line: int) -> list[Block]:
    if not file.pages:
        file.wrong(line, "stands before the first page: begin one with “# Title”")
        file.pages.append((line, "", []))
    return file.pages[-1][2]


def _read_text(file: _File) -> None:
    line, first = file.at + 1, file.lines[file.at]
    kind = "heading" if first.startswith("## ") else "bullet" if _is_bullet(first) else "paragraph"
    text = first[{"heading": 3, "bullet": 2, "paragraph": 0}[kind] :]
    file.at += 1
    while kind != "heading" and file.at < len(file.lines) and _continues(file.lines[file.at]):
        text += " " + file.lines[file.at].strip()
        file.at += 1
    try:
        _blocks(file, line).append(Text(line, kind, pieces_of(text.strip(), line)))
    except LineError as error:
        file.wrong(error.line, str(error))


def _is_bullet(text: str) -> bool:
    return text.startswith(("- ", "* "))


def _continues(text: str) -> bool:
    return bool(text.strip()) and not text.startswith(("```", "# ", "## ")) and not _is_bullet(text)


def _read_fence(file: _File) -> None:
    line, head = file.at + 1, file.lines[file.at][3:].strip()
    body: list[tuple[int, str]] = []
    file.at += 1
    while file.at < len(file.lines) and not file.lines[file.at].startswith("```"):
        body.append((file.at + 1, file.lines[file.at]))
        file.at += 1
    if file.at >= len(file.lines):
        file.wrong(line, "this fence does not end: a line with ``` is missing")
        return
    file.at += 1
    kind, _, argument = head.partition(" ")
    reader = fences.READERS.get(kind)
    if reader is None:
        file.wrong(line, f"there is no fence “{kind}”; there are {', '.join(fences.READERS)}")
        return
    _add(file, line, lambda: reader(line, argument.strip(), body))


def _add(file: _File, line: int, read: Callable[[], Block]) -> None:
    blocks = _blocks(file, line)
    try:
        block = read()
    except LineError as error:
        file.wrong(error.line, str(error))
        return
    except EngineError as error:
        file.wrong(line, str(error))
        return
    if isinstance(block, Question):
        if block.name in file.names:
            file.wrong(line, f"there is a question “{block.name}” already")
        file.names.add(block.name)
    blocks.append(block)


def _check_whole(file: _File) -> None:
    if not file.pages:
        file.wrong(max(1, len(file.lines)), "the lesson has no page: begin one with “# Title”")
        return
    if file.problems:
        return  # what is missing may be what did not read
    for line, title, blocks in file.pages:
        if not blocks:
            file.wrong(line, f"the page “{title}” is empty")
    line, title, blocks = file.pages[-1]
    if blocks and not any(isinstance(b, Question) or (isinstance(b, Script) and b.by_learner) for b in blocks):
        file.wrong(line, f"the last page, “{title}”, lets nothing be found out: end with a question or a try")
    minutes = reading_minutes(block for _, _, blocks in file.pages for block in blocks)
    if minutes > LONGEST:
        file.wrong(1, f"reading this takes about {minutes:.0f} minutes, more than {LONGEST}: split it")


def reading_minutes(blocks: Iterator[Block]) -> float:
    """How long blocks take to read and answer, estimated."""
    words = seconds = 0.0
    for block in blocks:
        match block:
            case Text(pieces=pieces):
                words += sum(len(piece.split()) if isinstance(piece, str) else 1 for piece in pieces)
            case Question():
                seconds += _SECONDS_A_BLOCK["question"]
            case Script(by_learner=True, commands=commands):
                seconds += 6 * len(commands)
            case _:
                seconds += 4
    return words / _WORDS_A_MINUTE + seconds / 60
