"""Which panes are on screen at which size, and where: a pure function, so that no size can make them overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from nnwalk_tui.catalogue import BY_NAME, LESSON, OF_RUNS, PANE_NAMES
from nnwalk_tui.places.boxes import Box, hull, moved, shared, split
from nnwalk_tui.places.layouts import HOMED, OVERVIEW, Column, Layout, Place, Row

LEAST_WIDTH, LEAST_HEIGHT = 40, 10
WIDE, TALL = 120, 36  # from here on all panes of a layout are seen at once
SIDE_BY_SIDE, TABBED = 72, 22  # from here on some panes at the top and one of the others below
STATUS_ROW = 24  # from this height the status has a row of its own
TABS_ROW = 12
VERY_WIDE = 176  # from here on the tables stand side by side
LESSON_WIDE, LESSON_TALL = 66, 20  # cells of a lesson's text; rows from which live panes stand beside it

_WATCHED_BELOW = 18  # rows of text and live panes, from which these stand below it

_BORDER, _TABLE = 2, 3  # rows of a border; of a table's border and heading
_NARROWEST = 30  # cells of a pane
_LOWEST = 5  # rows of a pane whose row says nothing else
_HERE = 11  # rows of the longest common rule, its other direction and a value
_LOSS = 14
_TABS: Place = ("tabs",)  # all that stand below the row of tabs
_KEY = 1  # line of the graph's signs


class Needs(NamedTuple):
    """What the run's panes would fill: of the run alone, so that nothing moves while it is stepped through."""

    graph_width: int = 42  # cells inside the border
    graph: int = 18  # lines inside the border
    layers: int = 3  # rows under the heading
    parameters: int = 6
    has: frozenset[str] = frozenset()  # what the run's examples are, and what else some panes are for


class Plan(NamedTuple):
    """What stands where. `tabs` are the panes of the row of tabs, in the order of Tab; none where there is no row."""

    boxes: dict[str, Box]
    tabs: tuple[str, ...] = ()
    places: Mapping[str, str] = {}  # by pane: under which name its place is resized

    @property
    def panes(self) -> tuple[str, ...]:
        """The panes on screen, in the order of Tab."""
        return tuple(name for name in (LESSON, *PANE_NAMES) if name in self.boxes)


class Page(NamedTuple):
    """A page of a lesson: the panes beside its text, whether what is done on it is seen there, whether it has a run."""

    beside: tuple[str, ...] = ()
    watched: bool = False
    live: bool = True


class Wishes(NamedTuple):
    """What the user has changed of a layout."""

    hidden: Set[str] = frozenset()
    sizes: Mapping[str, tuple[int, int]] = {}  # by place: how many cells wider and rows taller than it would be


class _Measured(NamedTuple):
    """A column, how wide and how high its rows are, and how little of either would do."""

    width: int
    rows: list[Row]
    heights: list[int]
    narrowest: int
    lowest: list[int]


USUAL, NOTHING = Needs(), Wishes()
_Places = list[tuple[Place, str, Box]]  # the panes of a place, its name, and where it is


def plan(
    width: int,
    height: int,
    recent: Sequence[str],
    zoomed: bool = False,
    needs: Needs = USUAL,
    page: Page | None = None,
    layout: Layout = OVERVIEW,
    wishes: Wishes = NOTHING,
) -> Plan:
    """Places for the bars and panes of a terminal of this size.

    `recent` are all panes, the focused one first, then those visited before; the focused one is never hidden. `page`
    is that of a lesson, None where its layout is not seen; one without a run has no time line.
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return Plan({"too-small": Box(0, 0, width, height)})
    bars = 2 if height >= STATUS_ROW else 1
    top = 2 if page is None or page.live else 1
    boxes = {
        "header": Box(0, 0, width, 1),
        **({"timeline": Box(0, 1, width, 1)} if top == 2 else {}),
        "prompt": Box(0, height - bars, 1, 1),
        "command": Box(1, height - bars, width - 1, 1),
    }
    if bars == 2:
        boxes["keys"] = Box(0, height - 1, width, 1)
    body = Box(0, top, width, height - top - bars)
    wishes = wishes._replace(hidden=wishes.hidden - {recent[0]})
    if zoomed:
        return Plan({**boxes, recent[0]: body})
    if page is not None:
        return _lesson(boxes, body, recent, page, needs, wishes)
    if width >= WIDE and height >= TALL:
        return _at_once(boxes, body, recent, needs, layout, wishes)
    if width >= SIDE_BY_SIDE and height >= TABBED:
        return _above_tabs(boxes, body, recent, needs, layout, wishes)
    return _one(boxes, body, recent, _shown(_of_the_run(needs, recent), wishes))


def _shown(names: Iterable[str], wishes: Wishes) -> tuple[str, ...]:
    return tuple(name for name in names if name not in wishes.hidden)


def _of_the_run(needs: Needs, recent: Sequence[str]) -> list[str]:
    """The panes without those of other runs, unless one was gone to."""
    elsewhere = {name for name, of in OF_RUNS.items() if of not in needs.has} - {recent[0]}
    return [name for name in PANE_NAMES if name not in elsewhere]


def _place(place: Place, wishes: Wishes) -> Place:
    """The panes that may be seen in a place; none where the one that it is made for is hidden."""
    return () if place[0] in wishes.hidden else _shown(place, wishes)


# ── a lesson ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lesson(boxes: dict[str, Box], body: Box, recent: Sequence[str], page: Page, needs: Needs, wishes: Wishes) -> Plan:
    """A lesson's text, and beside it the live panes.

    Where there is no room, they stand below it while they are watched, else one of all at a time, as tabs.
    """
    live = list(_shown(page.beside, wishes))
    if recent[0] != LESSON and recent[0] not in live:
        live = [*live[:-1], recent[0]] if len(live) > 1 else [*live, recent[0]]
    if not live:
        return Plan({**boxes, LESSON: body})
    if body.width < WIDE or body.height < LESSON_TALL:
        if page.watched and body.width >= SIDE_BY_SIDE and body.height >= _WATCHED_BELOW:
            return _text_above(boxes, body, recent, live, wishes)
        return _one(boxes, body, recent, (LESSON, *(name for name in PANE_NAMES if name in live)))
    text = _between(body.width // 2, LESSON_WIDE, body.width - needs.graph_width - _BORDER)
    rows = [Row(((name,),)) for name in live]
    heights = shared(body.height, [_LOWEST] * len(live), [_wanted(((name,),), needs) for name in live])
    columns = [
        _Measured(text, [Row(((LESSON,),))], [body.height], _NARROWEST, [_LOWEST]),
        _Measured(body.width - text, rows, heights, _NARROWEST, [_LOWEST] * len(live)),
    ]
    return _on_screen(boxes, _placed(body, columns, "lesson", wishes), recent)


def _text_above(boxes: dict[str, Box], body: Box, recent: Sequence[str], live: Sequence[str], wishes: Wishes) -> Plan:
    """A lesson's text, and below it the live panes, two abreast; of more, the second place has the latest."""
    places: tuple[Place, ...] = (tuple(live[:1]), tuple(live[1:])) if len(live) > 1 else (tuple(live),)
    half = body.height // 2
    below = body._replace(y=body.y + body.height - half, height=half)
    shown = _on_screen(boxes, _abreast(below, Row(places), "lesson", wishes), recent)
    text = body._replace(height=body.height - half)
    return Plan({**shown.boxes, LESSON: text}, (), {**shown.places, LESSON: f"lesson:{LESSON}"})


# ── all panes of a layout at once ─────────────────────────────────────────────────────────────────────────────────────


def _at_once(
    boxes: dict[str, Box], body: Box, recent: Sequence[str], needs: Needs, layout: Layout, wishes: Wishes
) -> Plan:
    seen = [
        (column, rows)
        for column in (layout.abreast if body.width >= VERY_WIDE else layout.columns)
        if (rows := _rows(column, wishes))
    ]
    widths = [_column_width(column, rows, body.width, needs) for column, rows in seen]
    widths[-1:] = [body.width - sum(widths[:-1])] if widths else []
    columns = [_measured(width, body.height, rows, needs) for width, (_, rows) in zip(widths, seen, strict=True)]
    places = _placed(body, columns, "wide", wishes)
    return _on_screen(boxes, _with_guest(body, places, recent, layout, wishes), recent)


def _measured(width: int, height: int, rows: list[Row], needs: Needs) -> _Measured:
    least = [max(BY_NAME[place[0]].least or _LOWEST for place in row.places) for row in rows]
    wanted = [_wanted(row.places, needs) for row in rows]
    heights = shared(height, least, wanted, [row.stretch for row in rows])
    return _Measured(width, rows, heights, _NARROWEST * max(len(row.places) for row in rows), [_LOWEST] * len(rows))


def _rows(column: Column, wishes: Wishes) -> list[Row]:
    """The rows of a column without what is hidden."""
    rows = []
    for row in column.rows:
        shares = row.shares or (1,) * len(row.places)
        kept = [
            (seen, share) for place, share in zip(row.places, shares, strict=True) if (seen := _shown(place, wishes))
        ]
        if kept:
            rows.append(Row(tuple(seen for seen, _ in kept), row.stretch, tuple(share for _, share in kept)))
    return rows


def _column_width(column: Column, rows: Sequence[Row], width: int, needs: Needs) -> int:
    has_graph = any("graph" in place for row in rows for place in row.places)
    wanted = needs.graph_width + _BORDER if has_graph else 0
    return _between(wanted, width * column.least // 100, width * column.most // 100)


def _wanted(places: Sequence[Place], needs: Needs) -> int:
    rows = {
        "graph": needs.graph + _KEY + _BORDER,
        "layers": needs.layers + _TABLE,
        "here": _HERE,
        "gradients": needs.parameters + _TABLE,
        "digits": BY_NAME["digits"].least,
    }
    return max(rows.get(place[0], _LOSS) for place in places)


def _with_guest(body: Box, places: _Places, recent: Sequence[str], layout: Layout, wishes: Wishes) -> _Places:
    """A pane that has no place here takes those that give way to guests, if it was visited after them."""
    at_home = {name for panes, _, _ in places for name in panes}
    giving = [each for each in places if each[1].partition(":")[2] in layout.guests] or places[-1:]
    hosts = [name for panes, _, _ in giving for name in panes]
    guests = [name for name in PANE_NAMES if name not in at_home and name not in wishes.hidden]
    latest = _latest([*hosts, *guests], recent)
    if latest not in guests:
        return places
    room = hull(box for _, _, box in giving) if giving else body
    return [*(each for each in places if each not in giving), ((latest,), giving[0][1] if giving else "", room)]


def _placed(body: Box, columns: Sequence[_Measured], form: str, wishes: Wishes) -> _Places:
    """Boxes for the places of these columns, after the user's own changes."""
    places: _Places = []
    alone = [[row.places[0] for row in column.rows if len(row.places) == 1] for column in columns]
    wider = [sum(_change(form, place, wishes)[0] for place in each) for each in alone]
    x = body.x
    widths = moved([column.width for column in columns], [column.narrowest for column in columns], wider)
    for width, column in zip(widths, columns, strict=True):
        taller = [sum(_change(form, place, wishes)[1] for place in row.places) for row in column.rows]
        y = body.y
        for row, height in zip(column.rows, moved(column.heights, column.lowest, taller), strict=True):
            places += _abreast(Box(x, y, width, height), row, form, wishes)
            y += height
        x += width
    return places


def _abreast(box: Box, row: Row, form: str, wishes: Wishes) -> _Places:
    usual = split(box.width, row.shares or (1,) * len(row.places))
    wider = [_change(form, place, wishes)[0] for place in row.places]
    widths = moved(usual, [min(_NARROWEST, *usual)] * len(usual), wider)
    places, x = [], box.x
    for place, width in zip(row.places, widths, strict=True):
        places.append((place, f"{form}:{place[0]}", box._replace(x=x, width=width)))
        x += width
    return places


def _change(form: str, place: Place, wishes: Wishes) -> tuple[int, int]:
    return wishes.sizes.get(f"{form}:{place[0]}", (0, 0))


def _on_screen(boxes: dict[str, Box], places: _Places, recent: Sequence[str], tabs: tuple[str, ...] = ()) -> Plan:
    chosen = [(_latest(panes, recent), name, box) for panes, name, box in places]
    return Plan({**boxes, **{pane: box for pane, _, box in chosen}}, tabs, {pane: name for pane, name, _ in chosen})


# ── some panes, and tabs ──────────────────────────────────────────────────────────────────────────────────────────────


def _above_tabs(
    boxes: dict[str, Box], body: Box, recent: Sequence[str], needs: Needs, layout: Layout, wishes: Wishes
) -> Plan:
    """The layout's upper places, and one of the other panes below them, with a row of tabs."""
    upper = tuple(seen for place in layout.upper if (seen := _place(place, wishes)))
    homes = {name for place in upper for name in place}
    seen_above = {_latest(place, recent) for place in upper}
    listed = HOMED | OF_RUNS.keys() | {recent[0]}
    shown = _shown(_of_the_run(needs, recent), wishes)
    tabs = tuple(name for name in shown if name in listed and name not in seen_above)
    lower = tuple(name for name in tabs if name not in homes)
    if not upper:
        return _one(boxes, body, recent, tabs)
    if not lower:
        return _on_screen(boxes, _abreast(body, Row(upper), "folded", wishes), recent)
    usual = (body.height * layout.upper_share + 50) // 100
    taller = [sum(_change("folded", place, wishes)[1] for place in upper), _change("folded", _TABS, wishes)[1]]
    rows, _ = moved([usual, body.height - usual], [_LOWEST, 1 + _LOWEST], taller)
    below = Box(0, body.y + rows + 1, body.width, body.height - rows - 1)
    places = _abreast(body._replace(height=rows), Row(upper), "folded", wishes)
    boxes = {**boxes, "tabs": Box(0, body.y + rows, body.width, 1)}
    return _on_screen(boxes, [*places, (lower, f"folded:{_TABS[0]}", below)], recent, tabs)


def _one(boxes: dict[str, Box], body: Box, recent: Sequence[str], tabs: tuple[str, ...]) -> Plan:
    if body.height + 3 < TABS_ROW:
        return Plan({**boxes, recent[0]: body})
    pane = Box(0, body.y + 1, body.width, body.height - 1)
    return Plan({**boxes, "tabs": Box(0, body.y, body.width, 1), recent[0]: pane}, tabs)


def _latest(names: Sequence[str], recent: Sequence[str]) -> str:
    return min(names, key=recent.index)


def _between(wanted: int, least: int, most: int) -> int:
    return max(least, min(wanted, most))
