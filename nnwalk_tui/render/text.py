"""Lines of styled text: lists of (text, style name), measured in terminal cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

Span = tuple[str, str]
Line = list[Span]


def clean(text: str) -> str:
    """The text without what would move the terminal's cursor: control characters become spaces."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def fit(text: str, width: int, align: str = "<") -> str:
    """The text in exactly `width` cells; what is too long ends in "…". `align` is one of < > ^."""
    text = clean(text)
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    left = {"<": 0, ">": width - size, "^": (width - size) // 2}[align]
    return " " * left + text + " " * (width - size - left)


def shorten(text: str, width: int) -> str:
    """The text in at most `width` cells; of what is too long both ends are kept: "layer1…weight"."""
    text = clean(text)
    if cell_len(text) <= width:
        return text
    head = (width - 1) // 2
    tail = max(0, width - 1 - head)
    return set_cell_size(text, head) + "…" + text[len(text) - tail :] if width > 0 else ""


def abbreviated(text: str, width: int) -> str:
    """A dotted name in at most `width` cells, if that can be, by its modules' first letters: "la.2.f.0.weight"."""
    *modules, own = text.split(".")
    for at, module in enumerate(modules):
        if cell_len(".".join([*modules, own])) > width and not module.isdigit():
            modules[at] = module[: 1 + (at == 0)]  # of the first two: one may be the d of a gradient
    room = width - cell_len(".".join([*modules, ""]))
    return ".".join([*modules, own[: max(1, room)]]) if modules else text


def told_apart(texts: Iterable[str], width: int) -> dict[str, str]:
    """Each text in at most `width` cells: its ends, or its tail or head alone where that tells it from the others.

    Of dotted names the modules are abbreviated first.
    """
    forms = (
        lambda text, room: fit(abbreviated(text, room), room),
        shorten,
        lambda text, room: text if cell_len(text) <= room else "…" + text[len(text) - room + 1 :],
        fit,
    )
    found: dict[str, str] = {}
    left = list(dict.fromkeys(texts))
    for form in forms:
        short = {text: form(clean(text), width).rstrip() for text in left}
        count = Counter([*short.values(), *found.values()])
        found |= {text: each for text, each in short.items() if count[each] == 1}
        left = [text for text in left if text not in found]
    return found | {text: shorten(text, width) for text in left}


def wrap(text: str, room: int) -> list[str]:
    """The text in lines of at most `room` cells, broken at blanks; later lines are indented by two cells more."""
    return fill(text.split(), room, " " * (len(text) - len(text.lstrip())))


def fill(words: list[str], room: int, indent: str = "") -> list[str]:
    """Words in lines of at most `room` cells; later lines are indented by two cells more."""
    lines, line = [], ""
    for word in words:
        if line and cell_len(line) + 1 + cell_len(word) > room:
            lines.append(line)
            line = f"{indent}  {word}"
        else:
            line = f"{line} {word}" if line else indent + word
    return [*lines, line]


def measure(line: Line) -> int:
    """How many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit_line(line: Line, width: int, mark: bool = True) -> Line:
    """The line in exactly `width` cells, filled with blanks; where words are cropped, the last cell is "…", if `mark`.

    Pictures are cropped without a mark.
    """
    fitted: Line = []
    room = width
    for at, (text, style) in enumerate(line):
        size = cell_len(text)
        if size > room:
            fitted.append((set_cell_size(text, room), style))
            words = text[room:].strip() or _has_words(line[at + 1 :])
            return _marked(fitted) if mark and words and _transparent(style) else fitted
        fitted.append((text, style))
        room -= size
    if room:
        fitted.append((" " * room, "blank"))
    return fitted


def _has_words(line: Line) -> bool:
    return any(text.strip() and _transparent(style) for text, style in line)


def _marked(fitted: Line) -> Line:
    while fitted and not fitted[-1][0]:
        fitted = fitted[:-1]
    if not fitted or not _transparent(fitted[-1][1]):
        return fitted
    text, style = fitted[-1]
    return [*fitted[:-1], (set_cell_size(text, cell_len(text) - 1) + "…", style)]


def ends(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at the two ends of `width` cells; the right one gives way."""
    gap = width - measure(left) - measure(right)
    if gap < 1:
        return fit_line(left, width)
    return [*left, (" " * gap, "blank"), *right]


def merge(line: Line) -> Line:
    """The line in as few spans as possible: blanks join their left neighbour, unless it paints its background."""
    merged: Line = []
    for text, style in line:
        if not text:
            continue
        if merged and (style == merged[-1][1] or (_blank(text, style) and _transparent(merged[-1][1]))):
            merged[-1] = (merged[-1][0] + text, merged[-1][1])
        else:
            merged.append((text, style))
    return merged


def _blank(text: str, style: str) -> bool:
    return _transparent(style) and text.isspace()


def _transparent(style: str) -> bool:
    return not style.startswith(("grey:", "heat:", "region:"))
