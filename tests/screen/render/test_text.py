"""Texts, numbers and frames: widths that never move, and what stands for a sign in ASCII."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.protocol.views import TapeRow
from nnwalk_tui.colours import theme
from nnwalk_tui.render import numbers, tape
from nnwalk_tui.render.frame import Frame, framed
from nnwalk_tui.render.text import Line, clean, ends, fit, fit_line, measure, merge, told_apart
from tests.support.fake_views import plain

sizes = st.integers(1, 240)


@given(st.floats(), st.integers(9, 14), st.integers(2, 6))
def test_a_number_takes_exactly_its_width(value: float, width: int, decimals: int) -> None:
    assert len(numbers.number(value, width, decimals)) == width


@given(st.floats(width=32), st.integers(7, 8))
def test_a_32_bit_number_fits_the_narrow_columns(value: float, width: int) -> None:
    assert len(numbers.number(value, width)) == width


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.842, " 1.8420"),
        (0.0311, " 0.0311"),
        (-0.5, "−0.5000"),
        (12345.678, "12345.7"),
        (99999999.0, " 1·10⁸"),
        (8e-4, " 8·10⁻⁴"),
        (9.6e-4, " 1·10⁻³"),
        (1e-12, "1·10⁻¹²"),
        (-1e-12, "−10⁻¹²"),
        (0.0, "      0"),
        (math.nan, "    nan"),
        (-math.inf, "   −inf"),
        (None, "      ·"),
    ],
)
def test_numbers_keep_their_digits_and_say_what_they_are(value: float | None, text: str) -> None:
    assert numbers.number(value) == text.rjust(7)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "  0%"),
        (0.001, " <1%"),
        (0.12, " 12%"),
        (0.999, ">99%"),
        (1.0, "100%"),
        (math.nan, " nan"),
        (None, "   ·"),
    ],
)
def test_a_percentage_tells_none_and_all_from_nearly(fraction: float | None, text: str) -> None:
    assert numbers.percent(fraction) == text


@given(st.text(), sizes, st.sampled_from("<>^"))
def test_a_fitted_text_takes_exactly_its_width_and_moves_no_cursor(text: str, width: int, align: str) -> None:
    fitted = fit(text, width, align)
    assert measure([(fitted, "text")]) == width
    assert fitted.isprintable()


@given(st.lists(st.tuples(st.text(st.characters(codec="ascii", categories=["L"])), st.just("text"))), sizes)
def test_a_fitted_line_takes_exactly_its_width(line: Line, width: int) -> None:
    assert measure(fit_line(line, width)) == width


def test_control_sequences_become_blanks() -> None:
    assert clean("a\x1b[2Jb\tc") == "a [2Jb c"


def test_the_right_end_gives_way_to_the_left_one() -> None:
    assert plain(ends([("left", "text")], [("right", "text")], 10)) == "left right"
    assert plain(ends([("left", "text")], [("right", "text")], 6)) == "left  "


def test_blanks_join_their_neighbour_unless_it_paints_its_background() -> None:
    assert merge([("a", "here"), ("  ", "text"), ("b", "here")]) == [("a  b", "here")]
    assert len(merge([("▀", "grey:7:0"), ("  ", "text")])) == 2


@given(sizes, st.integers(1, 70), st.integers(0, 30), st.booleans())
def test_a_frame_fills_its_size_exactly(width: int, height: int, hidden: int, focused: bool) -> None:
    lines = framed(Frame("1 graph", "64 · 34 right", hidden, hidden, focused), [[("content", "text")]], width, height)
    assert len(lines) == height
    assert {measure(line) for line in lines} == {width}


def test_a_frame_says_its_title_its_status_and_what_is_hidden() -> None:
    lines = framed(Frame("1 graph", "backward", 2, 7, True), [], 44, 5)
    assert plain(lines[0]).startswith("╭─ ▶ 1 graph ─")
    assert plain(lines[0]).endswith(" backward ─╮")
    assert "▲ 2 more  ▼ 7 more" in plain(lines[-1])


def test_a_frame_s_keys_are_as_bright_as_in_the_footer_and_go_last_where_it_is_narrow() -> None:
    def top(width: int) -> Line:
        return framed(Frame("5 digits", "f batch · 1–4 of 64 · v examples · 34 right"), [], width, 4)[0]

    assert plain(top(70)).endswith(" f batch · 1–4 of 64 · v examples · 34 right ─╮")
    assert [text for text, style in top(70)[2:-1] if style == "title" and text] == ["f", "v"]
    assert plain(top(50)).endswith(" f batch · 1–4 of 64 · v examples ─╮")
    assert plain(top(40)).endswith(" f batch · v examples ─╮")
    assert plain(top(30)).endswith(" f batch ─╮")
    assert plain(top(16)) == "╭─ 5 digits ───╮"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "M", "Z"])))
def test_every_glyph_has_an_ascii_twin_of_its_width(text: str) -> None:
    twin = theme.to_ascii(text)
    assert twin.isascii()
    assert measure([(twin, "text")]) == measure([(text, "text")])


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        ("8·10⁻⁴", "8.0e-4"),
        ("10⁻⁴", "1e-4"),
        ("▶ Z[2] ◉ 64×16  ▲ 0.0562", "> Z[2] @ 64x16  ^ 0.0562"),
        ("W[1] ●──┤ linear", "W[1] *--+ linear"),
        ("2→3 ✗", "2>3 x"),
        ("∂z₃[2](17)", "dz3[2](17)"),
    ],
)
def test_ascii_twins_read_like_what_they_stand_for(text: str, twin: str) -> None:
    assert theme.to_ascii(text) == twin


@pytest.mark.parametrize("colours", list(theme.Colours))
@pytest.mark.parametrize("background", ["#121212", "#ffffff", "default"])
def test_every_meaning_has_a_style_on_every_background(colours: theme.Colours, background: str) -> None:
    from rich.color import Color

    theme.use(colours=colours)
    try:
        palette = theme.Palette(Color.parse("#888888"), Color.parse(background))
        plain_names = ("text", "title", "quiet", "border")
        hues = ("here", "forward", "backward", "right", "wrong", "warning", "positive", "negative")
        assert all(palette.style(name).color is not None for name in plain_names + hues)
    finally:
        theme.use()


@pytest.mark.parametrize("width", [10, 12, 22])
def test_of_dotted_names_that_are_cut_the_modules_give_way_and_the_numbers_stay(width: int) -> None:
    names = [f"dlayers.{at}.feedforward.{of}" for at in range(9) for of in ("0.weight", "0.bias", "2.weight", "2.bias")]
    found = told_apart(names, width)
    assert len({*found.values()}) == len(names)
    assert all(cell_len(short) <= width for short in found.values())
    assert all(short.split(".")[1] == name.split(".")[1] for name, short in found.items())


def test_the_tape_cuts_names_so_that_they_are_told_apart() -> None:
    rows = [
        TapeRow(
            at,
            "update",
            "adamw",
            1,
            f"layers.{at}.norm.weight, dlayers.{at}.norm.weight",
            f"layers.{at}.norm.{of}",
            "8",
        )
        for at in range(9)
        for of in ("weight", "bias")
    ]
    where = tape.named(tape.columns([5, 48, 20, 1], 99, 42), rows)
    assert len({tuple(tape.row(row, where, 0, chosen=False)) for row in rows}) == len(rows)
    shown = {"".join(text for text, _ in tape.row(row, where, 0, chosen=False)).rstrip() for row in rows}
    assert all(line.partition("la.")[2][:1].isdigit() for line in shown)


def test_names_that_are_cut_are_told_apart() -> None:
    names = [f"layers[{at}].{what}" for at in range(3) for what in ("weight", "bias")]
    found = told_apart([*names, "head.bias", "layer1.conv.weight"], 9)
    assert len({*found.values()}) == len(found) == 8
    assert all(cell_len(short) <= 9 for short in found.values())
    assert found["head.bias"] == "head.bias"
    assert told_apart(["head.bias", "head.weight"], 20) == {"head.bias": "head.bias", "head.weight": "head.weight"}
