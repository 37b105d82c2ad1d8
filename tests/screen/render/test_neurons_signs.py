"""Neurons without colour: sign and choice are told by glyphs, which are those of the key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.protocol.views import NeuronColumn, NeuronsView
from nnwalk_tui.colours import theme
from nnwalk_tui.render import neurons

MODES = [(False, theme.Colours.NONE), (True, theme.Colours.NONE), (True, theme.Colours.FULL)]


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    theme.use()


def view(classes: list[str] | None = None) -> NeuronsView:
    """Two columns: the picked neuron's edges are one + and one −, another's are +."""
    before = NeuronColumn(0, "A[0]", 3, [1, 2, 3], [1.0, -1.0, 0.001], 1.0)
    after = NeuronColumn(1, "A[1]", 2, [1, 2], [2.796, 0.0], 2.796)
    return NeuronsView([before, after], [[[0.5, -0.5, 0.0], [0.4, 0.4, 0.4]]], "", 1, 1, [], classes=classes or [])


def drawn(of: NeuronsView, width: int = 70, height: int = 20) -> list[str]:
    return ["".join(text for text, _ in line) for line in neurons.draw(of, width, height)]


def edges(lines: list[str]) -> str:
    """What is drawn between the two columns."""
    return "\n".join(line[16:-18] for line in lines[1:12])


@pytest.mark.parametrize(("ascii", "colours"), MODES)
def test_a_negative_activation_has_its_sign(ascii: bool, colours: theme.Colours) -> None:
    theme.use(ascii=ascii, colours=colours)
    text = "\n".join(map(theme.to_ascii, drawn(view())))
    assert " 1##" in text
    assert " 2-#" in text
    assert " 3::" in text  # next to nothing, but not 0
    assert " 2.." in text  # 0
    assert "activations ## " in text
    assert " -#" in text.splitlines()[-1]


@pytest.mark.parametrize(("ascii", "colours"), MODES)
def test_only_the_picked_neuron_s_edges_are_drawn(ascii: bool, colours: theme.Colours) -> None:
    theme.use(ascii=ascii, colours=colours)
    alone = edges(drawn(view()))
    without = view()
    without.weights[0][1][:] = [0.0, 0.0, 0.0]
    assert alone == edges(drawn(without))
    assert alone.strip()


def test_in_colour_others_are_drawn_too() -> None:
    without = view()
    without.weights[0][1][:] = [0.0, 0.0, 0.0]
    assert edges(drawn(view())) != edges(drawn(without))


@pytest.mark.parametrize(("ascii", "colours"), [(False, theme.Colours.FULL), *MODES])
def test_the_key_has_the_edges_as_they_are_drawn(ascii: bool, colours: theme.Colours) -> None:
    theme.use(ascii=ascii, colours=colours)
    words = drawn(view())[-1]
    plus, minus = ("+++++", "--  -") if ascii else ("⠒⠒⠒⠒⠒", "⠒⠂  ⠒")
    assert f"weights {plus} " in words
    assert f" {minus} " in words
    one = view()
    one.weights[0][0][:] = [0.0, -0.5, 0.0]
    dashed = [line[16:-18] for line in drawn(one)[1:12]]
    assert any(part.strip() and "  " in part.strip() for part in dashed)  # clear gaps


@pytest.mark.parametrize(("ascii", "colours"), [(False, theme.Colours.FULL), *MODES])
def test_a_blank_stands_after_a_value(ascii: bool, colours: theme.Colours) -> None:
    theme.use(ascii=ascii, colours=colours)
    rows = [line for line in drawn(view()) if "1.000" in line]
    assert rows
    assert all(line.partition("1.000")[2][0] == " " for line in rows)


@pytest.mark.parametrize("ascii", [False, True])
def test_a_class_is_told_from_a_neuron_s_number(ascii: bool) -> None:
    theme.use(ascii=ascii)
    lines = [line.rstrip() for line in drawn(view(["cat", "9"]))]
    arrow = "->" if ascii else "→"
    assert any(line.endswith(f"2.796 {arrow}cat") for line in lines)
    assert any(line.endswith(f" {arrow}9") for line in lines)


def test_in_greys_too_what_is_not_0_is_not_blank() -> None:
    spans = [span for line in neurons.draw(view(), 70, 20) for span in line if span[1].startswith("grey:")]
    assert ("··", "grey:4:0") in spans  # 0
    assert ("  ", "grey::1") in spans  # 0.001
