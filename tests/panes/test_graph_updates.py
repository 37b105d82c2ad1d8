"""The graph in the update phase: which parameters are already updated, told by a sign."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.protocol.positions import Mark, Unit
from engine.session import Session
from nnwalk_tui.render import graph
from tests.support.live import live
from tests.support.looks import graph as view
from tests.support.sessions import small


def marks(session: Session, level: str = "layers") -> dict[str, Mark]:
    seen = view(session, level)
    return {node.label: node.mark for node in (*seen.nodes, *seen.others) if node.kind == "parameter"}


@pytest.mark.parametrize("level", ["layers", "ops"])
def test_a_parameter_is_updated_once_the_cursor_has_passed_its_update(level: str) -> None:
    session = small()
    session.do("step batch")
    tape = session.tape()
    assert tape is not None
    first = min(tape.updates().values())
    session.goto(f"1:1:{first - 1}")
    assert set(marks(session, level).values()) == {Mark.DONE}
    session.goto(f"1:1:{first + 2}")
    found = marks(session, level)
    assert [found[name] for name in ("W[1]", "b[1]", "W[2]", "b[2]", "W[3]")] == [
        Mark.UPDATED,
        Mark.UPDATED,
        Mark.HERE,
        Mark.DONE,
        Mark.DONE,
    ]
    session.step(Unit.BATCH, 1)
    assert Mark.DONE not in marks(session, level).values()
    session.step(Unit.OP, 1)
    assert set(marks(session, level).values()) == {Mark.DONE}


def test_a_frozen_parameter_is_never_updated() -> None:
    session = small()
    session.do("freeze 1")
    session.do("step batch")
    assert {marks(session)[name] for name in ("W[1]", "b[1]")} == {Mark.DONE}


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (80, " ✓ updated parameter   right: ▲ ‖gradient‖  △ not yet  ╌ none"),
        (43, " ✓ updated parameter   ▲ ‖gradient‖"),
        (24, " ✓ updated parameter"),
        (12, " ✓ updated"),
    ],
)
def test_the_key_says_what_the_sign_means_while_parameters_are_updated(width: int, said: str) -> None:
    assert graph.key(width, "update")[0][0] == said
    assert "updated" not in graph.key(width, "backward")[0][0]


async def test_updated_parameters_have_a_sign_of_their_own(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b", "b", "O", "O")
        lines = {
            line.split("●")[0].split("✓")[0].split("◉")[0].split()[-1]: line
            for line in on.text("graph").splitlines()
            if "[" in line and any(sign in line for sign in "●✓◉")
        }
        assert "W[1] ✓" in lines["W[1]"]
        assert "b[2] ◉" in lines["b[2]"]
        assert "W[3] ●" in lines["W[3]"]
        assert "✓ updated parameter   ▲ ‖gradient‖" in on.text("graph")
