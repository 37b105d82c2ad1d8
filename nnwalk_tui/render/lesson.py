"""A page of a lesson as lines: text, equations with their shapes, computed tables, questions, things to try."""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import cell_len

from nnwalk_tui.colours import theme
from nnwalk_tui.lessons.document import Block, Call, Computed, Equation, Question, Script, Text, Verbatim
from nnwalk_tui.lessons.guide import PENDING, Given, Guide, Outcome
from nnwalk_tui.lessons.pieces import arguments_of
from nnwalk_tui.lessons.questions import hint
from nnwalk_tui.render.findings import finding_lines
from nnwalk_tui.render.indices import indexed, indexed_in_place
from nnwalk_tui.render.spelled import spelled
from nnwalk_tui.render.text import Line, Span, measure

WIDEST = 92  # cells that text may take: longer lines are hard to read
_MARKUP = re.compile(r"(\*\*[^*]+\*\*|`[^`]+`|\*[^* ][^*]*\*)")
_INDENT = "  "
_DRAWN = frozenset("│┌┐└┘╭╮╰╯╱╲╳▲▼")  # in rows that must keep a cell for a cell


class Page(NamedTuple):
    """The lines of a page, and the one that matters next: it is brought into view if what came last can stay there."""

    lines: list[Line]
    follow: int
    latest: int  # first line of what came last; 0 where nothing was done yet


def page(guide: Guide, width: int) -> Page:
    """All lines of the guide's page, in `width` cells."""
    room = max(20, min(width - 2, WIDEST))
    lines: list[Line] = [[(spelled(indexed(guide.title)), "title")], []]
    follow = latest = 0
    now = guide.next_thing()
    before: Block | None = None
    for block in guide.visible():
        drawn = _block(guide, block, room, now)
        if not drawn:
            continue
        if _is_bullet(before) and _is_bullet(block):
            lines.pop()  # a list stands close together
        before = block
        latest = len(lines) + _latest(guide, block, drawn) if _is_latest(guide, block) else latest
        lines += [*drawn, []]
        if block is now or (isinstance(block, Script) and now in block.commands) or _looks(guide, block, now):
            follow = len(lines)
    lines += [[(text, "quiet")] for text in _wrap_plain(_parted(_next(guide)), room)]
    shown: list[Line] = [[(" ", "blank"), *line] if line else [] for line in lines]
    return Page(shown, min(follow + 1, len(lines) - 1) if follow else len(lines) - 1, latest)


def _is_latest(guide: Guide, block: Block) -> bool:
    """Whether what was tried or answered last belongs to this block."""
    if isinstance(block, Script):
        return any(call.line == guide.latest for call in block.commands)
    return isinstance(block, Question | Computed) and block.line == guide.latest


def _latest(guide: Guide, block: Block, drawn: list[Line]) -> int:
    """Which of a block's lines begins what came last: a command that was tried, or the answer to a settled question."""
    if isinstance(block, Question) and guide.is_open(block):
        return 0
    marks = [at for at, line in enumerate(drawn) if line and line[0][0] in ("● ", "  > ")]
    return marks[-1] if marks else 0


def _is_bullet(block: Block | None) -> bool:
    return isinstance(block, Text) and block.kind == "bullet"


def _looks(guide: Guide, block: Block, now: object) -> bool:
    """Whether what is to be done next is to look at what is wrong in this question's answer."""
    given = guide.given(block) if isinstance(block, Question) else None
    return given is not None and given.look is not None and given.look is now


def _parted(text: str) -> str:
    """The parts of a line; in ASCII, where "·" is a full stop, not beside the keys "." and ","."""
    return text.replace(" · ", " | ") if theme.ascii_only() else text


def _next(guide: Guide) -> str:
    """What Enter does, in a line."""
    now, question = guide.next_thing(), guide.open_question()
    if isinstance(now, Call) and question is not None and _looks(guide, question, now):
        return f"enter looks there: {now.command} · a answers again · :show reveals"
    if isinstance(now, Question):
        return "enter answers · :show reveals · , the page before"
    if isinstance(now, Call):
        return f"enter does: {now.command} · . leaves it · , the page before"
    if guide.is_last:
        return f"That was “{guide.lesson.title}”. enter: what comes next · or go on playing with what is here"
    return "enter the next page · , the page before"


def _block(guide: Guide, block: Block, width: int, now: object) -> list[Line]:
    match block:
        case Text():
            return _text(guide, block, width)
        case Verbatim(kind="code", rows=rows):
            return [[(f"{number:>3} ", "quiet"), (row, "text")] for number, row in enumerate(rows, 1)]
        case Verbatim(rows=rows):
            return [[(row if _DRAWN & set(row) else spelled(row), "text")] for row in map(indexed_in_place, rows)]
        case Equation():
            return equation(block, width)
        case Computed():
            return _computed(guide, guide.computed(block), width)
        case Question():
            return _question(guide, block, width)
        case Script(by_learner=True):
            return _tries(guide, block, width, now)
    return []


def _computed(guide: Guide, call: Call, width: int) -> list[Line]:
    """What was computed, and what can be changed of it."""
    finding, error = guide.finding(call), guide.error(call)
    if finding is None:
        waiting = spelled(f"computing {call.command.removeprefix('compute ')} {PENDING}")
        return [[(error or waiting, "wrong" if error else "quiet")]]
    lines, told = finding_lines(finding, width), " ".join(f"{key}={value}" for key, value in arguments_of(call).items())
    if not told or finding.pictures:
        return lines
    return [*lines, *([(text, "quiet")] for text in _wrap_plain(f"other values: :change {told}", width))]


def _text(guide: Guide, block: Text, width: int) -> list[Line]:
    spans = _spans(guide, block.pieces)
    if block.kind == "heading":
        return [[(text, "title") for text, _ in spans]]
    if block.kind == "bullet":
        lines, bullet = wrap(spans, width - 2), "- " if theme.ascii_only() else "· "
        return [[(bullet if at == 0 else "  ", "quiet"), *line] for at, line in enumerate(lines)]
    return wrap(spans, width)


def _spans(guide: Guide, pieces: tuple[str | Call, ...]) -> Line:
    spans: Line = []
    for piece in pieces:
        if isinstance(piece, Call):
            spans.append((guide.text(piece), "title"))
        else:
            spans += styled(piece)
    return spans


def styled(text: str) -> Line:
    """Markdown's **strong**, *emphasis* and `code`, without their marks; indices are lowered, but for those in code."""
    spans: Line = []
    for part in _MARKUP.split(text):
        if part.startswith("**") or (part.startswith("*") and part.endswith("*") and len(part) > 2):
            spans.append((indexed(part.strip("*")), "title"))
        elif part.startswith("`") and len(part) > 2:
            spans.append((part[1:-1], "forward"))
        elif part:
            spans.append((indexed(part), "text"))
    return spans


def wrap(spans: Line, width: int) -> list[Line]:
    """Styled text in lines of at most `width` cells, broken at blanks."""
    lines: list[Line] = [[]]
    room = width
    for word in _words([(spelled(text), style) for text, style in spans]):
        size = measure(word)
        blank = bool(lines[-1])
        if blank and size + 1 > room:
            lines.append([])
            room, blank = width, False
        if blank:
            lines[-1].append((" ", "text"))
            room -= 1
        lines[-1] += word
        room -= size
    return lines


def _words(spans: Line) -> list[Line]:
    """The words of styled text; a word may have more than one style."""
    words: list[Line] = []
    glued = False
    for text, style in spans:
        if text and text[0].isspace():
            glued = False
        for at, word in enumerate(text.split()):
            if at == 0 and glued and words:
                words[-1].append((word, style))
            else:
                words.append([(word, style)])
        if text.strip():
            glued = not text[-1].isspace()
        elif text:
            glued = False
    return words


def _wrap_plain(text: str, width: int) -> list[str]:
    return ["".join(part for part, _ in line) for line in wrap([(text, "text")], width)]


def equation(block: Equation, width: int) -> list[Line]:
    """Terms, and under each its shape; a row that is too long is broken between terms."""
    lines: list[Line] = []
    for row in block.rows:
        upper = lower = _INDENT
        for term, shape in ((spelled(indexed(term)), spelled(indexed(shape))) for term, shape in row):
            size = max(cell_len(term), cell_len(shape))
            if cell_len(upper) + size > width and upper.strip():
                lines += _equation_lines(upper, lower)
                upper = lower = _INDENT * 3
            upper += _centred(term, size) + " "
            lower += _centred(shape, size) + " "
        lines += _equation_lines(upper, lower)
    return lines


def _equation_lines(upper: str, lower: str) -> list[Line]:
    shown: list[Line] = [[(upper.rstrip(), "text")]]
    return [*shown, [(lower.rstrip(), "quiet")]] if lower.strip() else shown


def _centred(text: str, size: int) -> str:
    spare = size - cell_len(text)
    return " " * (spare // 2) + text + " " * (spare - spare // 2)


def _question(guide: Guide, question: Question, width: int) -> list[Line]:
    is_open = guide.is_open(question)
    settled: Span = ("✓ ", "right") if guide.was_right(question) else ("· ", "quiet")
    mark = ("? ", "here") if is_open else settled
    lines = _hanging(mark, _spans(guide, question.ask), width)
    for letter, text in question.choices:
        lines += _hanging((f"  {letter}  ", "title"), styled(text), width)
    given = guide.given(question)
    if given is not None:
        lines += _given(given, width, "  · " if question.guess else "  ✗ ")
    if is_open:
        if given is None:
            lines.append([(spelled(f"  your answer: {hint(question, signs=not theme.ascii_only())}"), "quiet")])
        return lines
    answer, because = guide.solution(question)
    if given is None or given.verdict is None or not (given.verdict.right or question.guess):
        lines += _hanging(("  = ", "right"), [(indexed(answer), "title")], width)
    return [*lines, *_hanging(("    ", "text"), styled(because), width)]


def _given(given: Given, width: int, wrong: str) -> list[Line]:
    """An answer and its verdict; `wrong` marks one that is not right, which a guess cannot be blamed for."""
    lines: list[Line] = [[("  > ", "quiet"), (given.text, "text")]]
    verdict = given.verdict
    if verdict is None:
        return [*lines, [(spelled(f"    checking {PENDING}"), "quiet")]]
    sign, style = {True: ("  ✓ ", "right"), False: (wrong, "wrong"), None: ("  · ", "quiet")}[verdict.right]
    said: Line = [(verdict.said, "text")] if verdict.right is None else styled(verdict.said)  # None: how to type it
    lines += _hanging((sign, style), said, width)
    if given.look is not None:
        mark = ("  ● ", "right") if given.looked else ("  ▶ ", "here")
        lines += _hanging(mark, [(f":{given.look.command}", "forward"), (f" — {given.look.part}", "quiet")], width)
    if given.looked is not None:
        lines += [[("  ", "blank"), *line] for line in _outcome(given.looked, width - 2)]
    return lines


def _tries(guide: Guide, block: Script, width: int, now: object) -> list[Line]:
    lines: list[Line] = []
    for call in block.commands:
        outcome = guide.outcome(call)
        mark = ("▶ ", "here") if call is now else ("● ", "right") if outcome else ("○ ", "quiet")
        note = f" — {call.part}" if call.part else ""
        lines += _hanging(mark, [(f":{call.command}", "forward"), (note, "quiet")], width)
        if outcome is not None:
            lines += _outcome(outcome, width)
    return lines


def _outcome(outcome: Outcome, width: int) -> list[Line]:
    if outcome.finding is not None:
        return [[("  ", "blank"), *line] for line in finding_lines(outcome.finding, width - 2)]
    style = "wrong" if outcome.failed else "text"
    return [line for text in outcome.text.splitlines() for line in _said(text, style, width)]


def _said(text: str, style: str, width: int) -> list[Line]:
    """A line as it is, so that columns stay beneath each other; wrapped only where it does not fit."""
    text = spelled(text)
    indent: Span = ("  ", "blank")
    return [[indent, (text, style)]] if cell_len(text) + 2 <= width else _hanging(indent, [(text, style)], width)


def _hanging(mark: Span, spans: Line, width: int) -> list[Line]:
    """A mark, then text that keeps clear of it."""
    indent = cell_len(mark[0])
    lines = wrap(spans, width - indent)
    return [[mark if at == 0 else (" " * indent, "blank"), *line] for at, line in enumerate(lines)]
