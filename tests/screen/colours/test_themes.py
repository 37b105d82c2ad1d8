"""Colour themes: every meaning is readable in each, and no meaning is told by colour alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as TextualColor

from engine.protocol.views import Curve, LossView
from nnwalk_tui import actions
from nnwalk_tui.colours import theme
from nnwalk_tui.colours.filters import NoColourFilter
from nnwalk_tui.colours.schemes import SCHEMES
from nnwalk_tui.render import loss
from tests.support.colours import MEANINGS, contrast
from tests.support.live import live


@pytest.mark.parametrize(("name", "least"), [("dark", 4.5), ("light", 4.5), ("contrast", 7.0)])
def test_every_meaning_stands_out_from_the_paper(name: str, least: float) -> None:
    theme.use(scheme=SCHEMES[name])
    try:
        paper = Color.parse(SCHEMES[name].paper)
        palette = theme.Palette(Color.parse(SCHEMES[name].ink), paper)
        for meaning in (*MEANINGS, "text", "title", "quiet"):
            ink = palette.style(meaning).color
            assert ink is not None
            assert contrast(ink, paper) >= least, meaning
    finally:
        theme.use()


@pytest.mark.parametrize("name", SCHEMES)
def test_the_diverging_scale_is_nearest_the_paper_in_its_middle(name: str) -> None:
    theme.use(scheme=SCHEMES[name])
    try:
        paper = Color.parse(SCHEMES[name].paper)
        palette = theme.Palette(Color.parse(SCHEMES[name].ink), paper)
        levels = [palette.style(f"heat::{level}").bgcolor for level in range(-theme.HEATS, theme.HEATS + 1)]
        contrasts = [contrast(level, paper) for level in levels if level is not None]
        assert contrasts.index(min(contrasts)) == theme.HEATS
        assert contrasts[0] > 3
        assert contrasts[-1] > 3
    finally:
        theme.use()


async def test_a_theme_is_chosen_by_command_and_everything_is_drawn_in_it(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        text = on.text("graph")
        for name, scheme in SCHEMES.items():
            await on.command(f"theme {name}")
            assert on.text("graph") == text
            for pane in ("graph", "layers", "digits"):
                row = on.pane(pane).render_line(0)
                paper = next(segment.style.bgcolor for segment in row if segment.style and segment.style.bgcolor)
                assert paper.get_truecolor() == Color.parse(scheme.paper).get_truecolor()
        await on.command("theme pink")
        assert "use: theme dark | light | contrast" in on.status


def test_the_themes_are_in_the_palette_and_completed() -> None:
    assert {f"theme {name}" for name in SCHEMES} <= {text for text, _ in actions.palette()}
    assert actions.complete("theme li", []) == "theme light"


def test_without_colour_ink_and_paper_are_the_terminal_s_own() -> None:
    segments = [
        Segment("plain", Style.parse("bold red")),
        Segment("cursor", Style.parse("black on white")),
        Segment("bare", None),
    ]
    plain, cursor, bare = (each.style for each in NoColourFilter().apply(segments, TextualColor(0, 0, 0)))
    assert plain == Style.parse("bold default on default")
    assert cursor == Style.parse("default on default reverse")  # what only its paper marked is still marked
    assert bare == Style.parse("default on default")


def test_everything_that_is_written_has_an_ascii_twin() -> None:
    root = Path(theme.__file__).parent.parent
    files = [*root.rglob("*.py"), *root.rglob("*.md"), *(root.parent / "engine").rglob("*.py")]
    written = {character for file in files for character in file.read_text(encoding="utf-8")}
    assert not [character for character in written if not character.isascii() and "?" in theme.to_ascii(character)]


async def test_no_color_is_heeded_and_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with live(tmp_path, colours=theme.Colours.NONE) as on:
        await on.press("b")
        seen = [segment for strip in on.app.screen._compositor.render_strips() for segment in strip]
        colours = {(s.style.color, s.style.bgcolor) for s in seen if s.style is not None}
        assert all(colour is None or colour.is_default for pair in colours for colour in pair)
        assert "1 graph" in "".join(segment.text for segment in seen)


@pytest.mark.parametrize("ascii", [False, True])
def test_batches_means_branches_and_validation_are_told_apart_by_sign(ascii: bool) -> None:
    theme.use(ascii=ascii)
    try:
        raw, means, other = (Curve("main", [1.0, 2.0, 3.0], [y] * 3, [y] * 3) for y in (3.0, 2.0, 1.0))
        view = LossView(raw, 3, [0], [2.5], [0.1], branches=[other], smooth=means, position=3, window=2)
        words = loss.legend(view, loss.USUAL, 100)
        signs = [text.strip() for text, _ in words][::2]
        assert len(signs) == 4
        assert len(set(signs)) == 4
        if ascii:
            drawn = "".join(text for line in loss.losses(view, 40, 12) for text, _ in line)
            assert all(sign in drawn for sign in signs)
            assert "".join(signs).isascii()
    finally:
        theme.use()
