"""Pictures out: the screen as SVG and as text, from a key, a command, and without a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine.errors import CommandError
from engine.experiments.experiment import Experiment
from engine.files import FileError
from engine.protocol.positions import Position
from engine.protocol.recipe import Job
from nnwalk_tui.headless import run_script
from nnwalk_tui.shots import shot
from nnwalk_tui.shots.shot import Shot
from tests.support.live import live

SMALL = Job(experiment=Experiment(layers=(784, 6, 4, 2), classes=(1, 7), batch_size=100, epochs=2))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Shot()),
        ("a.svg", Shot("a.svg")),
        ("a.txt loss", Shot("a.txt", "loss")),
        ("80x24 graph 'my slides/a.SVG' over", Shot("my slides/a.SVG", "graph", (80, 24), over=True)),
        ("200×60", Shot(size=(200, 60))),
    ],
)
def test_the_words_of_a_screenshot_are_known_in_any_order(text: str, wanted: Shot) -> None:
    assert shot.parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "problem", "cure"),
    [
        ("a.png", "“a.png”", ".svg or .txt"),
        ("a.svg grph", "“grph”", "graph"),
        ("a.svg 10x5", "10x5", "from 40x10"),
        ("a.svg 4000x50", "4000x50", "to 400x200"),
        ("'a.svg", "quotation mark", "screenshot"),
    ],
)
def test_a_wrong_word_of_a_screenshot_is_named_with_its_cure(text: str, problem: str, cure: str) -> None:
    with pytest.raises(CommandError) as caught:
        shot.parse(text)
    assert problem in caught.value.problem
    assert cure in caught.value.cure


def test_a_picture_replaces_no_file_unasked_and_makes_no_folder(tmp_path: Path) -> None:
    here, there = Position(1, 2, 3, 2), tmp_path / "there.svg"
    there.write_text("mine")
    for file, cure in ((there, "replaces it"), (tmp_path / "no" / "a.svg", "make it first")):
        with pytest.raises(FileError, match=cure):
            shot.paths(Shot(str(file)), here)
    folder = tmp_path / "folder.svg"
    folder.mkdir()
    with pytest.raises(FileError, match="is a folder"):
        shot.paths(Shot(str(folder), over=True), here)
    assert shot.paths(Shot(str(there), over=True), here) == [there]


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is a folder"):
        shot.write({tmp_path: "x"}, over=True)


async def test_s_saves_the_screen_as_svg_and_text_under_a_free_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with live(tmp_path) as on:
        await on.press("b", "o", "S")
        assert on.status == "saved nnwalk-1-2-1.svg and .txt"
        await on.press("S")
        assert on.status == "saved nnwalk-1-2-1-2.svg and .txt"
    rows = Path("nnwalk-1-2-1.txt").read_text().splitlines()
    assert len(rows) == 40
    assert "▶ 1 graph" in rows[2]
    words = "".join(ElementTree.parse("nnwalk-1-2-1.svg").getroot().itertext())
    assert "5\ndigits" in words  # words are set one by one


async def test_a_picture_of_one_pane_is_that_pane_from_border_to_border(tmp_path: Path) -> None:
    async with live(tmp_path) as on:
        await on.press("b")
        await on.command(f"screenshot {tmp_path / 'loss.txt'} loss")
        assert (tmp_path / "loss.txt").read_text() == on.text("loss") + "\n"
        await on.command("screenshot tensor.svg tensor")
        assert "the pane tensor is not on screen — focus tensor" in on.status
        await on.command("screenshot a.svg 80x24")
        assert "this screen is 120x40" in on.status
        assert "--headless" in on.status


def test_a_picture_is_taken_without_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, one = tmp_path / "gradients.svg", tmp_path / "one.txt"
    lines = ["step batch 2", f"screenshot {whole}", "inspect dW[2]", f"screenshot {one} tensor 80x24"]
    assert run_script(SMALL, lines, as_json=False) == 0
    said = [f"saved {whole}", "inspect dW[2]: in pictures from here on", f"saved {one}"]
    assert capsys.readouterr().out.splitlines()[1:] == said
    root = ElementTree.parse(whole).getroot()
    assert root.get("width") == str(120 * 9 + 18)
    rows = one.read_text().splitlines()
    assert len(rows) == 24
    assert "dW[2]" in "".join(rows)
    assert "1 graph" not in "".join(rows)  # the pane alone


def test_a_picture_of_the_landscape_is_finished(tmp_path: Path) -> None:
    file = tmp_path / "landscape.txt"
    assert run_script(SMALL, ["step batch", f"screenshot {file} landscape"], as_json=False) == 0
    text = file.read_text()
    assert "slope" in text
    assert "%" not in text  # of the points that are still to come


def test_looking_for_a_picture_changes_no_bit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, looked = (
        ["step batch 3", "digest"],
        ["step batch 2", f"screenshot {tmp_path / 'a.svg'}", "step batch", "digest"],
    )
    assert run_script(SMALL, plain, as_json=False) == run_script(SMALL, looked, as_json=False) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1] == out[-1]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("screenshot /nowhere/a.svg", "there is no folder “/nowhere”"),
        ("quit", "“quit” needs a screen"),
        ("focus nowhere", "there is no focus “nowhere”"),
        ("inspect W[7]", "there is no layer 7 for W[7]"),
    ],
)
def test_headless_a_command_of_the_screen_that_fails_is_an_error(
    line: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_script(SMALL, [line], as_json=True) == 1
    assert problem in json.loads(capsys.readouterr().out)["error"]


def test_headless_what_cannot_be_shown_is_said_when_the_picture_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["step batch", "inspect dX[9]", f"screenshot {tmp_path / 'a.svg'}"]
    assert run_script(SMALL, lines, as_json=False) == 1
    assert "no gradient goes to X" in capsys.readouterr().out
    assert not (tmp_path / "a.svg").exists()
