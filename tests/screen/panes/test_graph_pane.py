"""The graph's pane: its lines are chosen, scrolled, panned and searched."""

from __future__ import annotations

import msgspec

from engine.protocol.messages import GraphLook
from engine.protocol.views import Node
from nnwalk_tui.panes.graph import GraphPane
from tests.support import fake_views, fakes
from tests.support.panes import Stage, shown


async def test_arrows_choose_a_line_of_the_graph_and_the_border_says_how_much_is_hidden() -> None:
    app = Stage(GraphPane())
    async with app.run_test(size=(46, 12)) as pilot:
        await shown(pilot, fakes.backward())
        app.pane.focus()
        await pilot.press("home")
        assert app.lines()[1].startswith("│›")
        assert "A[0]" in app.lines()[1]
        assert "▼ 8 more" in app.lines()[-1]
        await pilot.press("end")
        assert "cross-entropy" in app.text()
        assert "▲ 8 more" in app.lines()[-1]
        await pilot.press("up")
        (chosen,) = (line for line in app.lines() if line.startswith("│›"))
        assert "cross-entropy" in chosen
        await pilot.press("pageup", "pageup")
        assert "A[0]" in app.lines()[1]


async def test_a_scrolled_graph_comes_back_to_the_cursor_when_it_moves() -> None:
    app = Stage(GraphPane())
    async with app.run_test(size=(46, 9)) as pilot:
        await shown(pilot, fakes.backward())
        app.pane.focus()
        await pilot.press("end")
        assert "▶ Z[2]" not in app.text()
        moved = msgspec.structs.replace(fakes.backward(), graph=fake_views.chain(99, {}, "Z[1]", "backward"))
        assert "▶ Z[1]" in await shown(pilot, moved)


async def test_the_keys_of_the_graph_say_what_is_asked_of_the_engine() -> None:
    pane = GraphPane()
    app = Stage(pane)

    def asked() -> GraphLook:
        look = pane.asks()["graph"]
        assert isinstance(look, GraphLook)
        return look

    async with app.run_test(size=(46, 9)) as pilot:
        nodes = [Node("x", "x", "input", "", 0, [8], [])]
        nodes += [
            Node(f"a{at}", f"layer{at}", "value", "9 operations", 1, [8], ["x"], module=f"layer{at}", closed=True)
            for at in range(9)
        ]
        view = msgspec.structs.replace(fake_views.whole_graph(nodes, "forward"), found=[3, 7])
        await shown(pilot, msgspec.structs.replace(fakes.backward(), graph=view))
        app.pane.focus()
        await pilot.press("home", "down", "down", "plus")
        assert asked().toggled == ["layer0"]
        await pilot.press("plus")
        assert asked().toggled == []
        await pilot.press("minus")  # it is folded already
        assert asked().toggled == []
        await pilot.press("v")
        assert (asked().level, asked().follow) == ("ops", True)
        assert "v ops" in app.text()
        await pilot.press("f")
        assert not asked().follow
        assert "f still" in app.text()
        await pilot.press("f", "v")
        assert (asked().level, asked().follow) == ("layers", True)
        pane.find("LAYER")
        assert asked().search == "layer"
        await shown(pilot, msgspec.structs.replace(fakes.backward(), loss=1.0, graph=view))
        assert "/layer 1/2" in app.text()
        await pilot.press("n")
        assert "/layer 2/2" in app.text()
        await pilot.press("n")
        assert "/layer 1/2" in app.text()
        await pilot.press("N")
        assert "/layer 2/2" in app.text()
        assert pane.asks()["graph"].rows == 21


async def test_a_wide_graph_is_panned() -> None:
    app = Stage(GraphPane())
    async with app.run_test(size=(30, 12)) as pilot:
        narrow = await shown(pilot, fakes.resnet())
        app.pane.focus()
        await pilot.press("greater_than_sign")
        assert app.text() != narrow
        await pilot.press(*["greater_than_sign"] * 9)
        end = app.text()
        await pilot.press("greater_than_sign", "right")
        assert app.text() == end
        await pilot.press(*["less_than_sign"] * 9, "left")
        app.pane.blur()
        await pilot.pause()
        assert app.text() == narrow
