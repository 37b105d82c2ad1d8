"""Which panes are on screen at which size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnwalk_tui.catalogue import LESSON, PANE_NAMES
from nnwalk_tui.places.boxes import Box, moved, shared, split
from nnwalk_tui.places.layout import LEAST_HEIGHT, LEAST_WIDTH, Needs, Page, Wishes, plan
from nnwalk_tui.places.layouts import LAYOUTS, OVERVIEW, Layout

SIZES = [(80, 24), (120, 40), (200, 60), (240, 78)]
widths, heights = st.integers(1, 400), st.integers(1, 200)
AT_HOME = {name for column in OVERVIEW.columns for row in column.rows for place in row.places for name in place}
GUESTS = {*PANE_NAMES} - AT_HOME  # of the overview
visits = st.permutations(PANE_NAMES)
layouts = st.sampled_from(list(LAYOUTS.values()))
needs = st.builds(Needs, st.integers(10, 90), st.integers(4, 300), st.integers(1, 60), st.integers(1, 120))
places = st.sampled_from([f"{form}:{name}" for form in ("wide", "folded") for name in (*PANE_NAMES, "tabs")])
changes = st.dictionaries(places, st.tuples(st.integers(-80, 80), st.integers(-80, 80)), max_size=4)
wishes = st.builds(Wishes, st.frozensets(st.sampled_from(PANE_NAMES)), changes)


@given(widths, heights, visits, st.booleans(), needs, layouts, wishes)
def test_boxes_fill_the_terminal_and_never_overlap(
    width: int, height: int, recent: list[str], zoomed: bool, needs: Needs, layout: Layout, wishes: Wishes
) -> None:
    boxes = plan(width, height, recent, zoomed, needs, None, layout, wishes).boxes.values()
    cells = [(x, y) for box in boxes for x in _columns(box) for y in _rows(box)]
    assert len(cells) == len(set(cells)) == width * height
    assert all(x < width and y < height for x, y in cells)


@given(st.integers(LEAST_WIDTH, 400), st.integers(LEAST_HEIGHT, 200), visits, st.booleans(), needs, layouts, wishes)
def test_the_focused_pane_is_always_on_screen_with_room_to_draw(
    width: int, height: int, recent: list[str], zoomed: bool, needs: Needs, layout: Layout, wishes: Wishes
) -> None:
    here = plan(width, height, recent, zoomed, needs, None, layout, wishes)
    assert recent[0] in here.boxes
    assert set(here.panes) | set(here.tabs) <= {recent[0], *PANE_NAMES} - (wishes.hidden - {recent[0]})
    for name in here.panes:
        assert here.boxes[name].width >= 30
        assert here.boxes[name].height >= 5


@given(st.integers(LEAST_WIDTH, 400), st.integers(LEAST_HEIGHT, 200), visits)
def test_with_room_for_tabs_every_pane_is_on_screen_a_tab_or_behind_one_that_shares_its_place(
    width: int, height: int, recent: list[str]
) -> None:
    here = plan(width, height, recent)
    if height >= 12:
        assert "digits" in {*here.boxes, *here.tabs}
        assert {"layers", "here", "gradients"} <= {*here.boxes, *here.tabs} or GUESTS & {*here.boxes}
        assert {"graph", "tape", "neurons"} & {*here.boxes, *here.tabs}
        assert {"loss", "log"} & {*here.boxes, *here.tabs}


@pytest.mark.parametrize(
    ("size", "panes"),
    [
        ((200, 60), ("graph", "layers", "here", "gradients", "loss", "digits")),
        ((120, 40), ("graph", "layers", "here", "gradients", "loss", "digits")),
        ((80, 24), ("graph", "layers", "here")),
        ((60, 20), ("graph",)),
        ((40, 10), ("graph",)),
        ((30, 8), ()),
        ((20, 5), ()),
    ],
)
def test_panes_fold_as_the_terminal_gets_smaller(size: tuple[int, int], panes: tuple[str, ...]) -> None:
    assert plan(*size, PANE_NAMES).panes == panes


def test_the_pane_that_was_visited_last_takes_a_shared_place() -> None:
    recent = ["tape", *(name for name in PANE_NAMES if name != "tape")]
    assert "tape" in plan(120, 40, recent).boxes
    assert "graph" not in plan(120, 40, recent).boxes


def test_the_tensor_takes_the_place_of_the_tables_and_gives_it_back() -> None:
    others = [name for name in PANE_NAMES if name != "tensor"]
    for size in ((120, 40), (200, 60)):
        with_tensor, without = (plan(*size, recent) for recent in (["tensor", *others], [*others, "tensor"]))
        assert set(without.panes) - set(with_tensor.panes) == {"layers", "here", "gradients"}
        assert with_tensor.boxes["digits"] == without.boxes["digits"]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_layout_gives_the_most_room_to_what_it_is_about(name: str, size: tuple[int, int]) -> None:
    layout = LAYOUTS[name]
    here = plan(*size, _recent(layout), layout=layout)
    on_top = {each for place in layout.upper for each in place}
    assert set(layout.first) - set(here.boxes) <= (set() if size > (119, 0) else set(layout.first) - on_top)
    if name != "overview":
        assert here.boxes[layout.first[0]] == max((here.boxes[each] for each in here.panes), key=_area)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_place_that_gives_way_to_guests_is_one_of_the_layout(name: str) -> None:
    layout = LAYOUTS[name]
    for columns in (layout.columns, layout.abreast):
        firsts = {place[0] for column in columns for row in column.rows for place in row.places}
        assert set(layout.guests) <= firsts


@given(visits, layouts, st.sampled_from(SIZES))
def test_no_pane_but_the_visited_one_moves_when_a_pane_without_a_place_is_visited(
    recent: list[str], layout: Layout, size: tuple[int, int]
) -> None:
    before = plan(*size, recent, layout=layout)
    after = plan(*size, [recent[-1], *recent[:-1]], layout=layout)
    for name in {*before.panes} & {*after.panes}:
        assert before.boxes[name] == after.boxes[name] or name in (recent[0], recent[-1]) or _is_host(layout, name)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("field", "change"), [("width", (3, 0)), ("height", (0, 2))])
def test_a_pane_grows_by_what_its_neighbours_give(size: tuple[int, int], field: str, change: tuple[int, int]) -> None:
    before = plan(*size, PANE_NAMES)
    place = before.places["graph"]
    after = plan(*size, PANE_NAMES, wishes=Wishes(sizes={place: change}))
    assert getattr(after.boxes["graph"], field) == getattr(before.boxes["graph"], field) + max(change)


def test_a_hidden_pane_gives_its_place_to_the_others() -> None:
    for size in SIZES:
        here = plan(*size, PANE_NAMES, wishes=Wishes(frozenset({"here"})))
        assert "here" not in {*here.boxes, *here.tabs}
        assert (
            here.boxes["graph" if size[0] == 80 else "digits"][2:]
            > plan(*size, PANE_NAMES).boxes["graph" if size[0] == 80 else "digits"][2:]
        )


@given(st.integers(0, 200), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_cells_are_split_by_weight_and_all_given_out(cells: int, weights: list[int]) -> None:
    parts = split(cells, weights)
    assert sum(parts) == cells
    assert all(abs(part - cells * weight / sum(weights)) < 1 for part, weight in zip(parts, weights, strict=True))


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40), st.integers(0, 3)), min_size=1), st.integers(0, 99))
def test_each_gets_its_least_and_what_it_wants_before_any_gets_more(
    things: list[tuple[int, int, int]], spare: int
) -> None:
    least, wanted, stretch = (list(each) for each in zip(*things, strict=True))
    shares = shared(sum(least) + spare, least, wanted, stretch)
    assert sum(shares) == sum(least) + spare
    assert all(share >= low for share, low in zip(shares, least, strict=True))
    beyond = any(share > max(low, want) for share, low, want in zip(shares, least, wanted, strict=True))
    assert not beyond or all(share >= want for share, want in zip(shares, wanted, strict=True))


@given(st.lists(st.tuples(st.integers(5, 40), st.integers(-50, 50)), min_size=1, max_size=6))
def test_what_is_resized_keeps_the_sum_and_nothing_gets_too_small(things: list[tuple[int, int]]) -> None:
    sizes, by = (list(each) for each in zip(*things, strict=True))
    now = moved(sizes, [5] * len(sizes), by)
    assert sum(now) == sum(sizes)
    assert min(now) >= 5
    if len(sizes) > 1 and sum(map(bool, by)) == 1:
        at = next(at for at, cells in enumerate(by) if cells)
        assert now[at] == max(5, min(sizes[at] + by[at], sum(sizes) - 5 * (len(sizes) - 1)))


def _recent(layout: Layout) -> list[str]:
    return [*layout.first, *(name for name in PANE_NAMES if name not in layout.first)]


def _area(box: Box) -> int:
    return box.width * box.height


def _is_host(layout: Layout, name: str) -> bool:
    return name in layout.guests


def _columns(box: Box) -> range:
    return range(box.x, box.x + box.width)


def _rows(box: Box) -> range:
    return range(box.y, box.y + box.height)


def test_a_lessons_text_and_the_panes_beside_it_are_resized_and_hidden_too() -> None:
    recent, beside = [LESSON, *PANE_NAMES], ("graph", "here")
    usual = plan(120, 40, recent, page=Page(beside))
    changes = {usual.places[LESSON]: (-6, 0), usual.places["here"]: (0, 3)}
    after = plan(120, 40, recent, page=Page(beside), wishes=Wishes(sizes=changes))
    assert after.boxes[LESSON].width == usual.boxes[LESSON].width - 6
    assert after.boxes["here"].height == usual.boxes["here"].height + 3
    assert plan(120, 40, recent, page=Page(beside), wishes=Wishes(frozenset({"here"}))).panes == (LESSON, "graph")


def test_a_pane_of_no_layout_has_a_tab_while_it_is_there_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnwalk_tui.places.layout.PANE_NAMES", (*PANE_NAMES, "new"))
    for layout in LAYOUTS.values():
        elsewhere = plan(80, 24, (*PANE_NAMES, "new"), layout=layout)
        assert "new" not in {*elsewhere.tabs, *elsewhere.boxes}
        there = plan(80, 24, ("new", *PANE_NAMES), layout=layout)
        assert "new" in there.tabs
        assert "new" in there.boxes
        assert "new" in plan(120, 40, ("new", *PANE_NAMES), layout=layout).boxes
