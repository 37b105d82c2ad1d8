"""Columns of neurons with the weights between them; activations as brightness."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from rich.cells import cell_len

from engine.protocol.views import NeuronColumn, NeuronsView
from nnwalk_tui.colours import theme
from nnwalk_tui.render.canvas import ACROSS, DOWN, Canvas
from nnwalk_tui.render.numbers import number
from nnwalk_tui.render.spelled import drawn
from nnwalk_tui.render.text import Line, Span, fit, measure, wrap

_NODE, _NUMBERED, _VALUED = 2, 6, 14  # cells of a neuron: alone, with its number, with its value
_LEAST_GAP = 6
_FEWEST_LINES = 6
_WORDS = 5  # lines of the picked neuron's values
_NARROW = 64  # cells up to which values need more lines
_TALL = 16  # lines from which values may go on in the next line, and a line says what colours mean
_CLASS = 8  # cells of a class's name
_SHADES = " ░▒▓█"
_DASH, _GAP = 3, 5  # dots of a negative edge that are drawn, and that are left away
_PAD = 1  # blank cells between a neuron and its edges
_SAMPLE = 5  # cells of an edge in the key
_STRONG = 0.6  # of the greatest weight, from which an edge is drawn thick
_OTHERS = 0.5  # edges a line that are not the picked neuron's
_WEAK = 0.04  # of the greatest weight, up to which an edge of the picked neuron is left away
_CROWDED = 12  # neurons a column from which lines are left between them


_BRACKETS = re.compile(r"\([^()]* [^()]*\)")
_KEPT = "\ue000"  # a blank that is no place to break at, and has its cell


class Places(NamedTuple):
    """Where columns stand: cells of a neuron, and between two columns; lines of neurons and of text below."""

    node: int
    gap: int
    rows: int
    words: int
    key: bool = False  # whether a line says what colours mean


def places(columns: int, width: int, height: int, tail: int = 0) -> Places:
    """Room for so many columns, and for as many lines of text as leave neurons their least; the same for any text.

    `tail`: cells after the last column.
    """
    words = max(0, min(_WORDS, height - _FEWEST_LINES - 2))
    if height >= _TALL:
        more = 2 if width < _NARROW else min(2, (height - _TALL) // 4)
        words = min(_WORDS + more, height * 3 // 7)
    width -= tail
    node = next((n for n in (_VALUED, _NUMBERED) if columns * n + (columns - 1) * _LEAST_GAP < width), _NODE)
    gap = (width - 1 - columns * node) // max(1, columns - 1) if columns > 1 else 0
    key = height >= _TALL
    return Places(node, max(1, min(gap, 30)), max(1, height - words - 2 - key), words, key)


def tail(classes: list[str]) -> int:
    """Cells that the names of classes take after the last column."""
    return 1 + len(drawn("→")) + min(_CLASS, max(map(cell_len, classes))) if classes else 0


def neurons_for(rows: int) -> int:
    """How many neurons a column of so many lines shows."""
    return rows if rows <= _CROWDED else max(_CROWDED, rows * 2 // 3)


def draw(view: NeuronsView, width: int, height: int) -> list[Line]:
    """Names, neurons and edges, how many more there are, and the picked neuron in full notation."""
    where = places(len(view.columns), width, height, tail(view.classes))
    blocks = [_column(column, view, where) for column in view.columns]
    gaps = [_edges(view, at, where) for at in range(1, len(view.columns))]
    classes = _class_names(view, where)
    body: list[Line] = []
    for row in range(where.rows):
        line: Line = [*blocks[0][row]]
        for gap, block in zip(gaps, blocks[1:], strict=True):
            line += [*gap[row], *block[row]]
        body.append([*line, *classes[row]])
    key = [_key(where, width)] if where.key else []
    return [_names(view, where), *body, _rest(view, where), *_words(view, where, width), *key]


def _class_names(view: NeuronsView, where: Places) -> list[Line]:
    """Beside each neuron of the last column the class that it stands for: "→9"."""
    lines: list[Line] = [[] for _ in range(where.rows)]
    last = view.columns[-1]
    for neuron, row in zip(last.neurons, _lines_of(last, where.rows), strict=True) if view.classes else ():
        lines[row] = [(" " + fit(drawn(f"→{view.classes[neuron - 1]}"), tail(view.classes) - 1), "quiet")]
    return lines


def _key(where: Places, width: int) -> Line:
    """What colours and lines mean, in the glyphs that are drawn; signs that are themselves + and − go without."""
    plus, minus = ("", "") if theme.ascii_only() else (" +", " −")
    forms = (("weights", "   activations", "   "), ("weight", "  activation", "  "), ("w", "  a", "  "))
    lines: list[Line] = [
        [
            (f" {weights} ", "quiet"), _sample(1.0), (f"{plus} ", "quiet"), _sample(-1.0), (minus, "quiet"),
            (f"{activations} ", "quiet"), _activation(1.0), (f"{plus} ", "quiet"), _activation(-1.0), (minus, "quiet"),
            (f"{gap}▶◀" if where.node == _NODE else f"{gap}›", "here"), (" picked", "quiet"),
        ]
        for weights, activations, gap in forms
    ]  # fmt: skip
    return next((line for line in lines if measure(line) <= width), lines[-1])


def _sample(weight: float) -> Span:
    """A short edge, drawn as all are."""
    canvas = Canvas(_SAMPLE, 1)
    _edge(canvas, (0.0, 1.0), (_SAMPLE * ACROSS - 1.0, 1.0), weight, "positive" if weight > 0 else "negative")
    return "".join(text for text, _ in canvas.lines()[0]), "positive" if weight > 0 else "negative"


def _activation(value: float) -> Span:
    """An activation's glyph; a square of its colour where they are cells of colour alone."""
    return ("■", "negative" if value < 0 else "text") if theme.grey_steps() else _block(value, 1.0, False)


def _names(view: NeuronsView, where: Places) -> Line:
    styles = ["here" if column.layer == view.layer else "title" for column in view.columns]
    return _under([column.name for column in view.columns], styles, where)


def _rest(view: NeuronsView, where: Places) -> Line:
    rests = [column.size - len(column.neurons) for column in view.columns]
    words = [f" {'weaker' if column.strongest else 'more'}" for column in view.columns]
    more = drawn("…")
    longest = max(len(f"{more} {rest}{word}") for rest, word in zip(rests, words, strict=True))
    if longest >= where.node + min(where.gap, where.gap // 2 + where.node):  # the last has but its own cells beside it
        words = [""] * len(words)
    texts = [f"{more} {rest}{word}" if rest else "" for rest, word in zip(rests, words, strict=True)]
    return _under(texts, ["quiet"] * len(texts), where)


def _under(texts: list[str], styles: list[str], where: Places) -> Line:
    """A text at each column; one at the last that is wider than its neurons ends where they do."""
    beyond = max(0, len(texts[-1]) - where.node)
    widths = [where.node + where.gap] * (len(texts) - 1) + [where.node + beyond]
    if len(texts) > 1:
        widths[-2] -= min(beyond, where.gap)
    return [(fit(text, width), style) for text, style, width in zip(texts, styles, widths, strict=True)]


def _words(view: NeuronsView, where: Places, width: int) -> list[Line]:
    """The picked neuron's values; what is too long goes on in the next line, if there is one."""
    spare = max(0, where.words - len(view.lines))
    lines: list[Line] = []
    for text in map(drawn, view.lines):
        parts = _broken(text, width - 1) if cell_len(text) >= width and spare else [f" {text}"]
        if len(parts) > spare + 1:  # the last line takes what is left, and is cut
            parts = [*parts[:spare], f" {'   '.join(part.strip() for part in parts[spare:])}"]
        spare -= len(parts) - 1
        lines += [[(fit(part, width), "text")] for part in parts]
    lines = lines[: where.words]
    return [*lines, *([] for _ in range(where.words - len(lines)))]


def _broken(text: str, room: int) -> list[str]:
    """A text in several lines: broken between its values, and where one is too long, not within brackets."""
    whole = _BRACKETS.sub(lambda found: found[0].replace(" ", _KEPT), text)
    values = [f" {value}" for value in whole.split("   ")]
    return [part.replace(_KEPT, " ") for value in values for part in wrap(value, room)]


def _lines_of(column: NeuronColumn, rows: int) -> list[int]:
    """The line of each neuron: spread over the height."""
    count = len(column.neurons)
    return [round((at + 0.5) * rows / count - 0.5) for at in range(count)]


def _column(column: NeuronColumn, view: NeuronsView, where: Places) -> list[Line]:
    lines: list[Line] = [[(" " * where.node, "blank")] for _ in range(where.rows)]
    for at, row in enumerate(_lines_of(column, where.rows)):
        value = column.values[at] if column.values else None
        picked = (column.layer, column.neurons[at]) == (view.layer, view.neuron)
        lines[row] = _neuron(column.neurons[at], value, column.scale, picked, where.node)
    return lines


def _neuron(number_: int, value: float | None, most: float, picked: bool, room: int) -> Line:
    head: Line = []
    if room >= _NUMBERED:
        head = [(("›" if picked else " ") + fit(str(number_), 3, ">"), "here" if picked else "quiet")]
    block = _block(value, most, picked and room == _NODE)
    if room < _VALUED:
        return [*head, block]
    shown = number(value, 7, 3)
    style = "warning" if value is not None and not math.isfinite(value) else "here" if picked else "text"
    return [*head, block, (f" {shown}", style if value is not None else "quiet")]


def _block(value: float | None, most: float, picked: bool) -> Span:
    """Two cells as bright as the activation; negative ones in their colour, or with their sign."""
    if picked and not theme.grey_steps():
        return "▶◀", "here"
    if value is None:
        return "○ ", "here" if picked else "quiet"
    if not math.isfinite(value):
        return "!!", "warning"
    share = abs(value) / most if most > 0 else 0.0
    if not theme.grey_steps():
        if not share:
            return "··", "text"
        glyph = _SHADES[max(1, round(share * (len(_SHADES) - 1)))]
        return (f"−{glyph}", "negative") if value < 0 else (glyph * 2, "text")
    if value < 0:
        return ("▶◀" if picked else "  "), f"heat::{-max(1, round(share * theme.HEATS))}"
    level = max(1, round(share * (theme.GREYS - 1))) if share else 0
    strong = level > theme.GREYS // 2
    if theme.scheme().light:
        shade = theme.GREYS - 1 - level  # on light paper the strongest is the darkest
        ink = (theme.GREYS - 1 if strong else 0) if picked else 3
    else:
        shade = level
        ink = (0 if strong else theme.GREYS - 1) if picked else 4
    return ("▶◀" if picked else "··" if level == 0 else "  "), f"grey:{ink if picked or level == 0 else ''}:{shade}"


def _edges(view: NeuronsView, at: int, where: Places) -> list[Line]:
    """The weights into a column: solid where positive, dashed where negative; the picked neuron's coloured.

    Where they cannot be told apart by colour, they alone are drawn.
    """
    canvas = Canvas(where.gap, where.rows)
    before, after, weights = view.columns[at - 1], view.columns[at], view.weights[at - 1]
    lefts, rights = _lines_of(before, where.rows), _lines_of(after, where.rows)
    edges = [
        (abs(weight), weight, i, j, _touches(view, before, after, i, j))
        for j, row in enumerate(weights)
        for i, weight in enumerate(row)
        if math.isfinite(weight) and weight
    ]
    most = max((size for size, *_ in edges), default=1.0)
    own = [edge for edge in edges if edge[4] and edge[0] > _WEAK * most]
    shown = 0 if theme.ascii_only() or theme.colours() is theme.Colours.NONE else int(where.rows * _OTHERS)
    others = sorted((edge for edge in edges if not edge[4]), reverse=True)[:shown]
    pad = _PAD if where.gap > 2 * _PAD + 1 else 0
    for size, weight, i, j, touches in sorted(others + own, key=_last):
        style = ("positive" if weight > 0 else "negative") if touches else "quiet"
        start = (pad * ACROSS + 0.0, lefts[i] * DOWN + 1.5)
        end = ((where.gap - pad) * ACROSS - 1.0, rights[j] * DOWN + 1.5)
        _edge(canvas, start, end, weight, style)
        if touches and size > _STRONG * most:
            _edge(canvas, (start[0], start[1] + 1), (end[0], end[1] + 1), weight, style)
    return canvas.lines()


def _edge(canvas: Canvas, start: tuple[float, float], end: tuple[float, float], weight: float, style: str) -> None:
    sign, gap = ("+", 0) if weight > 0 else ("-", _GAP)
    canvas.line(start, end, style, sign, gap, _DASH)


def _last(edge: tuple[float, float, int, int, bool]) -> tuple[bool, float]:
    """Drawn last, and so on top: the picked neuron's edges, then the greatest."""
    return edge[4], edge[0]


def _touches(view: NeuronsView, before: NeuronColumn, after: NeuronColumn, i: int, j: int) -> bool:
    picked = (view.layer, view.neuron)
    return picked in ((before.layer, before.neurons[i]), (after.layer, after.neurons[j]))
