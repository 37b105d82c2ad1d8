"""What the cursor's event does: its rule with shapes under the factors, the other direction's, and one value."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.cells import cell_len

from engine.protocol.views import Here, Term
from nnwalk_tui.colours import theme
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, ends, fill, measure, wrap

NEW_LINE = "\n"  # a term that begins another equation
_WORD = re.compile(r"\s*\S+(?:\s+$)?")
_NUMBER = re.compile(r"[−-]?\d\S*")
_SIGN = re.compile(r".|<-|->|[<>~]=")  # of one character, or what is spelled in two
_PREFIX = re.compile(rf"{_SIGN.pattern}|Σ.?|sum(_\w+)?|log|max|exp")  # what is nothing without what follows
_STYLES = {"backward": "backward", "update": "text"}


def here(view: Here, width: int, height: int | None = None) -> list[Line]:
    """The lines, at most `width` cells each.

    Where they are over `height`, the other rule's shapes are left out; where that is not enough, the numbers come
    before the other rule, or before both, so that they are seen.
    """
    view = _spelled(view) if theme.ascii_only() else view
    title, rule, numbers, (full, short) = _parts_of(view, width)
    room = 10**6 if height is None else height - 1
    for other in (full, short):
        if len(rule) + len(other) + len(numbers) <= room:
            return [title, *rule, *other, *numbers]
    seen = [*rule, *numbers] if len(rule) + len(numbers) <= room else [*numbers, *rule]
    return [title, *seen, *short]


def _spelled(view: Here) -> Here:
    """The view in ASCII, before anything is measured: a sign may become a word."""
    rule, other = ([_spelled_term(term) for term in terms] for terms in (view.rule, view.other))
    texts = {name: drawn(getattr(view, name)) for name in ("title", "other_title")}
    return msgspec.structs.replace(view, rule=rule, other=other, numbers=[*map(drawn, view.numbers)], **texts)


def _spelled_term(term: Term) -> Term:
    """A sign between two factors is the matrix product; beside a number it multiplies that."""
    text = " @ " if term.text.strip() == "·" else term.text if term.shape else term.text.replace("·", "*")
    return Term(drawn(text), drawn(term.shape))


def before_training(width: int) -> list[Line]:
    """What to press, while there is no event yet."""
    keys = (("b", "steps one batch"), ("o", "one operation"), ("space", "runs"), ("?", "lists all keys"))
    lines: list[Line] = [[(" before training", "title")]]
    lines += [[(f" {part}", "text")] for part in wrap("no batch has run yet", width - 2)]
    return [*lines, [], *([(f" {key:>7}", "here"), (f"  {does}", "text")] for key, does in keys)]


def source(place: str, folder: Path) -> str:
    """A source line's place relative to a folder, or, outside it, by the file's last two parts."""
    path = Path(place)
    if path.is_relative_to(folder):
        return str(path.relative_to(folder))
    return str(Path(*path.parts[-2:]))


def _parts_of(view: Here, width: int) -> tuple[Line, list[Line], list[Line], tuple[list[Line], list[Line]]]:
    """The title, the rule, the numbers, and the other rule with its shapes and without."""
    room = width - 2
    rule: list[Line] = [[(" ", "text"), *line] for line in _rules(view.rule, room, "title")]
    numbers: list[Line] = [[(" " + part, "text")] for text in view.numbers for part in _worked(text, room)]
    others = (_other(view, room, True), _other(view, room, False)) if view.other else ([], [])
    return _title(view, width), rule, numbers, others


def _title(view: Here, width: int) -> Line:
    title: Line = [(f" {view.title}", _STYLES.get(view.phase, "forward"))]
    number = f"{view.number:>{len(str(view.total))}}"
    forms = (f"event {number} of {view.total} ", f"{number}/{view.total} ")
    return ends(
        title, [(next((form for form in forms if measure(title) + len(form) < width), forms[-1]), "quiet")], width
    )


def _worked(text: str, room: int) -> list[str]:
    """A value worked out, in lines; none is torn apart, nor a bracket, as long as that fits in a line."""
    units: list[str] = []
    for word in text.split():
        if units and not _parts(units[-1], word):
            units[-1] += f" {word}"
        else:
            units.append(word)
    indent = " " * (len(text) - len(text.lstrip()))
    longest = room - len(indent) - 2
    return fill(
        [word for unit in units for word in ([unit] if cell_len(unit) <= longest else unit.split())], room, indent
    )


def _parts(before: str, after: str) -> bool:
    """Whether a line may end at the blank between two texts."""
    inside = sum(map(before.count, "([")) > sum(map(before.count, ")]"))
    last = before.split()[-1] if before.split() else ""
    return not (inside or after.startswith("/") or _PREFIX.fullmatch(last) or _NUMBER.fullmatch(after))


def _other(view: Here, room: int, shapes: bool) -> list[Line]:
    title = f" {view.other_title}  "
    left_out = not shapes and any(term.shape for term in view.other)
    terms = view.other if shapes else [Term(term.text) for term in view.other]
    lines = _rules(terms, room + 1 - len(title) - 2 * left_out, "text")
    if left_out:
        lines[-1] = [*lines[-1], (" …", "quiet")]  # the shapes, for which there is no room
    return [[(" " * len(title) if at else title, "quiet"), *line] for at, line in enumerate(lines)]


def _rules(terms: list[Term], room: int, style: str) -> list[Line]:
    """Each equation on a line of its own, the shapes of its terms centred in the line below."""
    lines: list[Line] = []
    for equation in _equations(terms):
        for at, part in enumerate(_wrapped(equation, room)):
            indent = "  " if at else ""
            text, sizes = _typeset(part)
            lines.append([(indent + text, style)])
            if sizes:
                lines.append([(indent + sizes, "quiet")])
    return lines


def _equations(terms: list[Term]) -> list[list[Term]]:
    equations: list[list[Term]] = [[]]
    for term in terms:
        if term.text == NEW_LINE:
            equations.append([])
        else:
            equations[-1].append(term)
    return [equation for equation in equations if equation]


def _wrapped(terms: list[Term], room: int) -> list[list[Term]]:
    """The terms of an equation in lines that fit, broken at blanks; later lines have two cells less."""
    if _width(terms) <= room:
        return [terms]
    lines: list[list[Term]] = []
    line: list[Term] = []
    for chunk in _chunks(terms, room - 2):
        if line and _width(line + chunk) > room - (2 if lines else 0):
            lines.append(line)
            line = []
        line += chunk
    return [*lines, line]


def _chunks(terms: list[Term], room: int) -> list[list[Term]]:
    """Runs of terms within which no line may end; those that no line has room for are broken at any blank."""
    chunks = _runs(terms, _parts)
    return [
        part
        for chunk in chunks
        for part in ([chunk] if _width(chunk) <= room else _runs(chunk, lambda before, after: True))
    ]


def _runs(terms: list[Term], parts: Callable[[str, str], bool]) -> list[list[Term]]:
    pieces = [
        piece for term in terms for piece in ([term] if term.shape else map(Term, _WORD.findall(term.text) or [" "]))
    ]
    chunks: list[list[Term]] = []
    before = ""
    for piece in pieces:
        blank = before.endswith(" ") or piece.text.startswith(" ")
        if not chunks or (blank and parts(before, piece.text.strip())):
            chunks.append([])
            before = ""
        chunks[-1].append(piece)
        before += piece.text
    return chunks


def _width(terms: list[Term]) -> int:
    return max(map(cell_len, _typeset(terms)))


def _typeset(terms: list[Term]) -> tuple[str, str]:
    """The terms in a line, and their shapes in the one below; terms part where shapes would touch."""
    text = sizes = operator = ""
    for term in terms:
        if not term.shape:
            operator += term.text
            continue
        word = term.text.strip()
        middle = (cell_len(word) - cell_len(term.shape)) // 2
        start = cell_len((text + operator).lstrip())
        text += _spread(operator if text else operator.lstrip(), max(0, _next(sizes) - start - middle))
        sizes += " " * (cell_len(text) + middle - cell_len(sizes)) + term.shape
        text, operator = text + word, ""
    return (text + operator).strip(), sizes


def _next(sizes: str) -> int:
    """The first cell where another shape may stand."""
    return cell_len(sizes) + 1 if sizes else 0


def _spread(operator: str, more: int) -> str:
    """An operator that takes `more` cells: around a single sign, before a longer text."""
    if _SIGN.fullmatch(operator.strip()):
        return " " * ((more + 1) // 2) + operator + " " * ((more + 1) // 2)
    return " " * more + operator
