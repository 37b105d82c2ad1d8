"""Panes in a running application: what they show, what they send again, what their keys do."""

from __future__ import annotations

import io
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console
from textual.geometry import Region
from textual.strip import Strip

from engine.protocol.messages import VIEWS
from engine.protocol.views import BatchView, Curve, LossView, Snapshot
from nnwalk_tui.colours import theme
from nnwalk_tui.panes.base import Pane
from nnwalk_tui.panes.digits import DigitsPane
from nnwalk_tui.panes.gradients import GradientsPane
from nnwalk_tui.panes.graph import GraphPane
from nnwalk_tui.panes.header import HeaderPane
from nnwalk_tui.panes.here import HerePane
from nnwalk_tui.panes.landscape import LandscapePane
from nnwalk_tui.panes.layers import LayersPane
from nnwalk_tui.panes.log import LogPane
from nnwalk_tui.panes.loss import LossPane
from nnwalk_tui.panes.neurons import NeuronsPane
from nnwalk_tui.panes.tape import TapePane
from nnwalk_tui.panes.tensor import TensorPane
from nnwalk_tui.panes.timeline import TimelinePane
from nnwalk_tui.render import loss
from nnwalk_tui.render.text import Line
from tests.support import fake_views, fakes
from tests.support.panes import Stage, shown

FRAMED: list[type[Pane]] = [
    GraphPane,
    LayersPane,
    HerePane,
    GradientsPane,
    LossPane,
    DigitsPane,
    TapePane,
    LogPane,
    TensorPane,
    NeuronsPane,
    LandscapePane,
]
ALL: list[type[Pane]] = [HeaderPane, TimelinePane, *FRAMED]
SNAPSHOTS = [make() for make in fakes.ALL]


def watch(pane: Pane, monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """The regions that a pane asks to be sent again from now on; an empty one stands for all of it."""
    regions: list[Region] = []
    original = pane.refresh

    def refresh(*asked: Region, **options: bool) -> Pane:
        regions.extend(asked or [Region()])
        original(*asked, **options)
        return pane

    monkeypatch.setattr(pane, "refresh", refresh)
    return regions


def ansi_bytes(strips: list[Strip]) -> int:
    console = Console(color_system="truecolor", force_terminal=True, file=io.StringIO())
    return sum(len(strip.render(console).encode()) for strip in strips)


@pytest.mark.parametrize("kind", ALL)
@given(st.lists(st.tuples(st.integers(1, 130), st.integers(1, 50)), min_size=4, max_size=4))
@settings(max_examples=2, deadline=None, phases=[Phase.generate])
async def test_every_line_is_as_wide_as_the_pane_at_every_size(kind: type[Pane], sizes: list[tuple[int, int]]) -> None:
    app = Stage(kind())
    async with app.run_test() as pilot:
        for width, height in sizes:
            await pilot.resize_terminal(width, height)
            assert app.pane.size == (width, height)
            for snapshot in (None, *SNAPSHOTS):
                app.pane.show(snapshot)
                for line in range(height):
                    assert app.pane.render_line(line).cell_length == width


@pytest.mark.parametrize("kind", ALL)
async def test_a_pane_survives_one_cell(kind: type[Pane]) -> None:
    app = Stage(kind())
    async with app.run_test(size=(1, 1)) as pilot:
        assert len(await shown(pilot, fakes.backward())) == 1


@pytest.mark.parametrize("kind", [each for each in ALL if each is not LogPane])
async def test_a_pane_waits_quietly_while_nothing_is_known(kind: type[Pane]) -> None:
    app = Stage(kind())
    async with app.run_test(size=(80, 12)) as pilot:
        assert "waiting for the engine…" in await shown(pilot, None)
        if kind is not HeaderPane:
            assert "waiting for the engine…" in await shown(pilot, fakes.bare())


@pytest.mark.parametrize(
    ("kind", "make", "words"),
    [
        (HeaderPane, fakes.backward, ["nnwalk", "mlp 784-32-16-10 relu", "epoch 1/4", "loss 1.842"]),
        (TimelinePane, fakes.backward, ["backward", "◉", "‖ paused", "14/26"]),
        (TimelinePane, fakes.running, ["▶ running", "26/26"]),
        (GraphPane, fakes.backward, ["1 graph", "backward", "▶ Z[2] ◉ 64×16", "▲ 0.0562"]),
        (GraphPane, fakes.resnet, ["add + add7", "▶ relu8", "▲", "▼", "more"]),
        (LayersPane, fakes.backward, ["2 layers", "v A", "2▸ linear relu", "64×16"]),
        (HerePane, fakes.backward, ["here", "model.py:12", "∂_Z[2] = ∂_A[2] ∗ 1[Z[2] > 0]", "event 14 of 26"]),
        (HerePane, fakes.before_training, ["before training"]),
        (GradientsPane, fakes.running, ["3 gradients", "dW[3]", "‖Δ‖/‖θ‖", "1·10⁻³", "10⁻¹"]),
        (GradientsPane, fakes.broken, ["nan", "inf", "−inf"]),
        (LossPane, fakes.backward, ["4 loss", "valid 0.924 · acc 0.620"]),
        (DigitsPane, fakes.backward, ["5 digits", " of 64 · 34 right", "[4→5 ✗]", "1→1 ✓", "0.95"]),
        (DigitsPane, fakes.without_pictures, ["    1  1→1 ✓", "[4→5 ✗]"]),
        (TapePane, fakes.backward, ["tape", "14/26", "▶ 14  backward"]),
    ],
)
async def test_a_pane_says_what_it_is_for(kind: type[Pane], make: Callable[[], Snapshot], words: list[str]) -> None:
    app = Stage(kind())
    async with app.run_test(size=(120, 20)) as pilot:
        text = await shown(pilot, make())
        assert [word for word in words if word not in text] == []


async def test_only_lines_that_change_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(GraphPane())
    async with app.run_test(size=(46, 24)) as pilot:
        before = fakes.backward()
        await shown(pilot, before)
        lines = app.lines()
        regions = watch(app.pane, monkeypatch)
        assert before.graph is not None
        gradients = {"ℒ": 1.0, "Z[3]": 0.1184, "W[3]": 0.2, "b[3]": 0.05, "A[2]": 0.102, "Z[2]": 0.0562}
        moved = fake_views.chain(99, gradients | {"W[2]": 0.3}, "W[2]", "backward")
        await shown(pilot, msgspec.structs.replace(before, graph=moved))
        changed = {y for y, (old, new) in enumerate(zip(lines, app.lines(), strict=True)) if old != new}
        assert {region.y for region in regions} >= changed
        assert len(regions) <= 3
        assert all(region.x > 0 and region.right < 46 for region in regions)


@pytest.mark.parametrize("kind", [each for each in ALL if each is not LogPane])
async def test_the_same_snapshot_sends_nothing(kind: type[Pane], monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(kind())
    async with app.run_test(size=(100, 20)) as pilot:
        for make in (fakes.backward, fakes.broken):
            await shown(pilot, make())
            regions = watch(app.pane, monkeypatch)
            await shown(pilot, make())
            assert regions == []


@pytest.mark.parametrize("kind", FRAMED)
async def test_focus_is_marked_by_sign(kind: type[Pane]) -> None:
    app = Stage(kind())
    async with app.run_test(size=(60, 10)) as pilot:
        await shown(pilot, fakes.backward())
        assert "─ ▶ " not in app.text().splitlines()[0]
        app.pane.focus()
        await pilot.pause()
        assert "╭─ ▶ " in app.text()


async def test_v_goes_through_the_quantities_of_the_layers() -> None:
    app = Stage(LayersPane())
    async with app.run_test(size=(100, 8)) as pilot:
        await shown(pilot, fakes.backward())
        app.pane.focus()
        await pilot.press("v")
        assert "Z:" in app.text()
        await pilot.press("V", "V")
        assert "db:" in app.text()
        assert "·" in app.lines()[2]


async def test_the_layers_ask_for_the_history_of_the_quantity_shown() -> None:
    pane = LayersPane()
    app = Stage(pane)
    async with app.run_test(size=(100, 8)) as pilot:
        await shown(pilot, fakes.backward())
        app.pane.focus()
        assert pane.asks()["quantity"] == "A"
        await pilot.press("v", "v")
        assert pane.asks()["quantity"] == "dZ"
        assert sum(isinstance(message, Pane.Wants) for message in app.messages) == 2


async def test_a_layer_that_is_chosen_is_explained_below_the_table() -> None:
    app = Stage(LayersPane())
    async with app.run_test(size=(100, 14)) as pilot:
        before = await shown(pilot, fakes.backward())
        app.pane.focus()
        await pilot.press("down")
        assert "›2▸ linear" in app.text()
        assert "dead 75%: 12 of 16 neurons give 0; the badge is for 25% and more" in app.text()
        await pilot.press("up")
        assert "›1  linear" in app.text()
        assert "no badge" in app.text()
        await pilot.press("end")
        assert "saturated 98%: 98% lies near 0 or 1" in app.text()
        app.pane.blur()
        await pilot.pause()
        assert app.text() == before
        assert not any(isinstance(message, Pane.Said) for message in app.messages)


async def test_a_layer_is_explained_elsewhere_where_the_pane_has_no_room() -> None:
    app = Stage(LayersPane())
    async with app.run_test(size=(100, 6)) as pilot:
        await shown(pilot, fakes.backward())
        app.pane.focus()
        await pilot.press("down")
        (said,) = (message.text for message in app.messages if isinstance(message, Pane.Said))
        assert said.startswith("layer 2: dead 75%: 12 of 16 neurons give 0; the badge is for 25% and more; vanishing")
        assert all(f"{layer}" in app.text() for layer in ("1  linear", "2▸ linear", "3  linear"))


async def test_a_ratio_far_from_the_guide_is_marked() -> None:
    app = Stage(GradientsPane())
    async with app.run_test(size=(90, 12)) as pilot:
        await shown(pilot, fakes.running())
        ratios = [line[-14:].strip("│▇ ") for line in app.lines() if line[2:3] == "d"]
        assert ratios[:3] == ["1·10⁻³", "2·10⁻² ▲", "5·10⁻⁵ ▼"]


async def test_h_shows_the_histogram_of_the_chosen_gradient_and_then_its_past() -> None:
    pane = GradientsPane()
    app = Stage(pane)
    async with app.run_test(size=(90, 16)) as pilot:
        bars = await shown(pilot, fakes.running())
        app.pane.focus()
        assert pane.parts() == {"gradients"}
        await pilot.press("h")
        assert pane.parts() == {"gradients", "distribution"}
        assert pane.asks()["gradients"].chosen == "dW[1]"
        assert "dW[1]  32×784  log count by value" in app.text()
        assert "zero 40%" in app.text()
        assert "−0.0200" in app.lines()[-2]
        assert "10²┤" in app.text()
        await pilot.press("h")
        assert pane.asks()["gradients"].points >= 88
        assert "batches 1 … 20" in app.text()
        assert "10⁻¹┤" in app.text()
        await pilot.press("down")
        assert pane.asks()["gradients"].chosen == "db[1]"
        assert "db[1] is not computed yet" in app.text()
        await pilot.press("up", "h")
        app.pane.blur()
        await pilot.pause()
        assert app.text() == bars


async def test_the_plot_is_made_anew_only_for_other_data_or_another_size(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    original = loss.losses

    def losses(view: LossView, width: int, height: int, options: loss.Options) -> list[Line]:
        made.append(width)
        return original(view, width, height, options)

    monkeypatch.setattr(loss, "losses", losses)
    app = Stage(LossPane())
    async with app.run_test(size=(60, 12)) as pilot:
        await shown(pilot, fakes.backward())
        app.pane.focus()
        await pilot.pause()
        await shown(pilot, msgspec.structs.replace(fakes.backward(), loss=2.0))
        assert made == [58]
        await shown(pilot, fakes.running())
        await pilot.resize_terminal(70, 12)
        assert made == [58, 58, 68]


async def test_a_plot_of_accuracies_is_there_only_where_there_are_accuracies() -> None:
    snapshot = fakes.backward()
    assert snapshot.curves is not None
    none = msgspec.structs.replace(
        snapshot.curves, accuracy=Curve("accuracy", [], [], []), valid_iterations=[], valid_loss=[], valid_accuracy=[]
    )
    unjudged = msgspec.structs.replace(snapshot, curves=none)
    new = msgspec.structs.replace(unjudged, curves=msgspec.structs.replace(none, train=Curve("loss", [], [], [])))
    app = Stage(LossPane())
    async with app.run_test(size=(60, 24)) as pilot:
        for each, there in ((snapshot, True), (unjudged, False), (new, False)):
            await shown(pilot, each)
            assert ("accuracy" in app.text()) is there
        unvalidated = msgspec.structs.replace(none, accuracy=Curve("accuracy", [1.0, 2.0], [0.2, 0.4], [0.2, 0.4]))
        await shown(pilot, msgspec.structs.replace(snapshot, curves=unvalidated))
        assert "accuracy" in app.text()
        assert "validation" not in app.text()


async def test_panes_say_how_much_they_can_show() -> None:
    plot, pictures = LossPane(), DigitsPane()
    async with Stage(plot).run_test(size=(60, 12)):
        assert plot.wanted == 2 * (58 - 8)
    app = Stage(pictures)
    async with app.run_test(size=(74, 11)) as pilot:
        await shown(pilot, fakes.backward())
        assert pictures.wanted == app.text().count("→")


async def test_enter_asks_for_the_chosen_event() -> None:
    app = Stage(TapePane())
    async with app.run_test(size=(90, 14)) as pilot:
        await shown(pilot, fakes.backward())
        app.pane.focus()
        await pilot.press("down", "down", "up", "enter")
        await pilot.press("home", "enter")
        assert [m.number for m in app.messages if isinstance(m, TapePane.Chosen)] == [15, 1]


async def test_the_time_line_asks_for_where_it_is_clicked() -> None:
    app = Stage(TimelinePane())
    async with app.run_test(size=(120, 1)) as pilot:
        await shown(pilot, fakes.backward())
        await pilot.click(TimelinePane, offset=(1, 0))
        await pilot.click(TimelinePane, offset=(40, 0))
        first, second = (m.event for m in app.messages if isinstance(m, TimelinePane.CursorMoved))
        assert first == 0
        assert 0 < second < 26


async def test_the_time_line_shows_the_unit_that_the_application_sets() -> None:
    pane = TimelinePane()
    app = Stage(pane)
    async with app.run_test(size=(120, 1)) as pilot:
        await shown(pilot, fakes.backward())
        pane.unit = "epoch"
        assert "unit epoch" in app.text()


async def test_the_log_follows_its_end_until_it_is_scrolled() -> None:
    pane = LogPane()
    app = Stage(pane)
    async with app.run_test(size=(40, 6)) as pilot:
        for number in range(10):
            pane.add(f"line {number}\n")
        assert "line 9" in app.text()
        pane.focus()
        await pilot.press("home")
        pane.add("late\x1b[2J")
        assert "line 0" in app.text()
        assert "late" not in app.text()
        await pilot.press("end")
        assert "late" in app.text()
        assert "\x1b" not in app.text()


async def test_the_ascii_theme_sends_ascii_alone() -> None:
    theme.use(ascii=True)
    try:
        for kind in ALL:
            app = Stage(kind())
            async with app.run_test(size=(90, 20)) as pilot:
                for make in fakes.ALL:
                    assert (await shown(pilot, make())).isascii()
    finally:
        theme.use()


async def test_without_colour_every_segment_still_has_a_style(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for kind in ALL:
        app = Stage(kind())
        async with app.run_test(size=(90, 20)) as pilot:
            await shown(pilot, fakes.backward())
            strips = [app.pane.render_line(y) for y in range(20)]
            assert all(segment.style is not None for strip in strips for segment in strip)


@pytest.mark.parametrize(
    ("size", "most"),
    [((80, 11), 6_000), ((74, 11), 6_000), ((154, 20), 16_000), ((120, 38), 16_000)],
)
async def test_a_new_batch_of_pictures_is_few_bytes(size: tuple[int, int], most: int) -> None:
    app = Stage(DigitsPane())
    real = [
        msgspec.structs.replace(example, pixels=pixels)
        for example, pixels in zip(fake_views.examples(32), fake_views.real_pictures(32), strict=True)
    ]
    async with app.run_test(size=size) as pilot:
        await shown(pilot, msgspec.structs.replace(fakes.backward(), batch=BatchView(64, 34, real)))
        assert ansi_bytes([app.pane.render_line(y) for y in range(size[1])]) <= most


async def test_no_pane_s_name_or_number_is_another_s() -> None:
    assert len({kind.pane_name for kind in ALL}) == len(ALL)
    numbers = [kind.number for kind in FRAMED if kind.number]
    assert sorted(numbers) == list("1234567")
    assert all(kind.about and kind.pane_title for kind in ALL)
    assert all(kind.looks <= set(VIEWS) for kind in ALL)
