"""The file of settings: written, read, checked line by line, and what it changes on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from nnwalk_tui import actions
from nnwalk_tui.cli import commands
from nnwalk_tui.config import keymap, settings
from nnwalk_tui.config.settings import Problem, Settings
from nnwalk_tui.options import Program
from nnwalk_tui.screens.bars import hints
from nnwalk_tui.screens.help import HelpText, help_lines
from tests.support.live import live


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of settings of the test's own; the usual keys come back after it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    yield tmp_path / "nnwalk-tui"
    actions.use_keys()


def read(tmp_path: Path, text: str) -> tuple[Settings, list[Problem]]:
    """What a file with this text says, keys and all."""
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    found, problems = settings.read(path)
    return found, [*problems, *keymap.remapped(found, keymap.owners())[1]]


def test_the_file_that_is_written_changes_nothing_with_or_without_its_marks(tmp_path: Path) -> None:
    template = settings.template()
    assert read(tmp_path, template) == (Settings(), [])
    uncommented = "\n".join(line.removeprefix("# ") if " = " in line else line for line in template.splitlines())
    found, problems = read(tmp_path, uncommented)
    assert problems == []
    assert keymap.remapped(found, keymap.owners())[0] == actions.KEYS
    assert (found.theme, found.ascii, found.mouse, found.history) == ("auto", None, True, 256 * 2**20)
    assert all(entry.name in template for entry in settings.ENTRIES)


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    assert settings.read(tmp_path / "none.toml") == (Settings(), [])


@pytest.mark.parametrize(
    ("text", "line", "what", "cure"),
    [
        ("theme = dark", 1, "no TOML", 'text in "…"'),
        ('theme = "dark"\n[keys', 2, "no TOML", "NAME = VALUE"),
        ('\ntheme = "pink"', 2, "theme cannot be “pink”", '"light"'),
        ('layout = "wide"', 1, "layout cannot be “wide”", '"last", "overview"'),
        ("ascii = 1", 1, "ascii cannot be 1", "true, false"),
        ('mouse = "no"', 1, "mouse cannot be “no”", "true or false"),
        ('history = "much"', 1, "history cannot be “much”", "256MB"),
        ("history = true", 1, "history cannot be true", "256MB"),
        ('\n\ntheem = "light"', 3, "no setting “theem”", "did you mean theme?"),
        ("colour = 3", 1, "no setting “colour”", "theme, ascii"),
        ('[keys]\n"stepp op" = "j"', 2, "no command “stepp”", "did you mean step?"),
        ('[keys]\n"focus nowhere" = "j"', 2, "nowhere", "graph"),
        ('[keys]\nquit = "fkey"', 2, "no key “fkey”", "ctrl+n"),
        ('[keys]\nquit = "ctrl+ctrl+x"', 2, "no key “ctrl+ctrl+x”", "ctrl+n"),
        ("[keys]\nquit = 3", 2, "the key of “quit” cannot be 3", "[] for none"),
        ('[keys]\nquit = "z"', 2, "both “quit” and “zoom”", "give “zoom” another"),
        ('[keys]\nquit = "J"\nzoom = "J"', 3, "both “zoom” and “quit”", "choose another"),
        ('[keys]\nquit = "v"', 2, "“v” is a key of the panes graph", "choose one"),
        ('[keys]\nquit = "down"', 2, "“down” is a key of every pane", "choose one"),
    ],
)
def test_what_is_wrong_is_named_by_its_line_with_its_cure(
    text: str, line: int, what: str, cure: str, tmp_path: Path
) -> None:
    _, problems = read(tmp_path, text)
    assert len(problems) == 1
    assert problems[0].line == line
    assert what in problems[0].what
    assert cure in problems[0].cure


def test_a_wrong_entry_loses_nothing_but_itself(tmp_path: Path) -> None:
    text = 'theme = "pink"\nmouse = false\n[keys]\nquit = "z"\n"step op" = "j"\n"theme light" = "f9"'
    found, problems = read(tmp_path, text)
    assert len(problems) == 2
    assert (found.theme, found.mouse) == ("auto", False)
    table = {key.text: key.shown for key in keymap.remapped(found, {})[0]}
    assert (table["quit"], table["zoom"], table["step op"], table["theme light"]) == ("q", "z", "j", "f9")


def test_commands_may_swap_keys_have_several_or_none(tmp_path: Path) -> None:
    found, problems = read(tmp_path, '[keys]\n"step op" = "l"\n"step layer" = "o"\nquit = ["q", "ctrl+x"]\nzoom = []')
    assert problems == []
    table = keymap.remapped(found, {})[0]
    assert [key.shown for key in table if key.text == "step op"] == ["l"]
    assert [key.shown for key in table if key.text == "step layer"] == ["o"]
    assert [key.shown for key in table if key.text == "quit"] == ["q", "ctrl+x"]
    assert not [key for key in table if key.text == "zoom"]


def test_a_file_that_is_no_text_is_named_and_everything_is_as_by_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    found, (problem,) = settings.read(path)
    assert found == Settings()
    assert "not UTF-8" in problem.what


@given(st.text())
def test_no_text_makes_reading_fail(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found, problems = read(Path(folder), text.encode("utf-8", "ignore").decode())
        assert found == Settings() or not problems or found.keys


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("n", "n"),
        ("N", "N"),
        ("shift+n", "N"),
        ("/", "slash"),
        ("+", "plus"),
        ("ctrl++", "ctrl+plus"),
        ("-", "minus"),
        (":", "colon"),
        (" ", "space"),
        ("Space", "space"),
        ("Esc", "escape"),
        ("PgUp", "pageup"),
        ("→", "right"),
        ("F5", "f5"),
        ("Ctrl+N", "ctrl+n"),
        ("shift+ctrl+left", "ctrl+shift+left"),
        ("é", "é"),
        ("f13", None),
        ("hyper+x", None),
        ("ctrl+", None),
        ("", None),
        ("xy", None),
    ],
)
def test_keys_are_written_as_on_the_keyboard(written: str, name: str | None) -> None:
    assert keymap.key_name(written) == name


# ── the command ───────────────────────────────────────────────────────────────────────────────────────────────────────


def run(*arguments: str) -> tuple[int, str]:
    """The exit status and output of `nnwalk-tui config …`."""
    done = CliRunner().invoke(commands, ["config", *arguments])
    return done.exit_code, done.output if done.exception is None or done.output else str(done.exception)


def test_config_writes_the_file_once_and_checks_it(home: Path) -> None:
    status, said = run("--check")
    assert status == 0
    assert said.startswith(f"there is no {home}/config.toml: everything is as by default")
    assert run()[0] == 0
    written = (home / "config.toml").read_text(encoding="utf-8")
    assert written == settings.template()
    status, said = run()
    assert status != 0
    assert "there are settings already" in said
    assert (home / "config.toml").read_text(encoding="utf-8") == written
    assert run("--check")[0] == 0
    (home / "config.toml").write_text('theme = "pink"\n[keys]\nquit = "z"')
    status, said = run("--check")
    assert status == 1
    assert f"{home}/config.toml: line 1: theme cannot be “pink” — use" in said
    assert f"{home}/config.toml: line 3: “z” is the key of both" in said
    assert run("--path") == (0, f"{home}/config.toml\n")


def test_options_go_before_the_file(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text('theme = "light"\nascii = false\nhistory = "1MB"')
    plain = settings.chosen(None, False, False).settings
    assert (plain.theme, plain.ascii, plain.mouse, plain.history) == ("light", False, True, 2**20)
    other = settings.chosen("contrast", True, True, 5).settings
    assert (other.theme, other.ascii, other.mouse, other.history) == ("contrast", True, False, 5)
    assert "theme" in Program._fields


def test_a_start_with_a_wrong_file_says_so_and_starts(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("theme = pink")
    assert "config.toml, line 1: this is no TOML" in settings.chosen(None, False, False).warning([])
    arguments = ["neuron", "--classes", "1,7", "--headless", "-c", "step batch"]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0
    assert "line 1: this is no TOML" in done.stderr
    assert "epoch 1 batch 1" in done.stdout


# ── on the screen ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_user_s_keys_work_and_are_shown_everywhere(home: Path, tmp_path: Path) -> None:
    wanted = {"step op": ("j",), "zoom": ("o", "f9"), "theme light": ("D",), "back {unit}": ("h", "←")}
    table, problems = keymap.remapped(Settings(keys=wanted), {})
    assert problems == []
    actions.use_keys(table)
    async with live(tmp_path) as on:
        await on.press("b", "j", "j")
        assert on.session.event == 2
        await on.press("h")
        assert on.session.event == 1
        await on.press("left")
        assert on.session.event is None or on.session.event == 0
        await on.press("o")
        assert on.main.zoomed
        await on.press("f9")
        assert not on.main.zoomed
        footer = "".join(text for text, _ in hints(120))
        assert footer.startswith(" j l p b e step")
        assert "o zoom" in footer
        await on.press("question_mark")
        shown = help_lines(*on.app.screen.query_one(HelpText)._pane, width=120)  # more than fits at once
        rows = ["".join(text for text, _ in line) for line in shown]
        assert any("j         step one op" in row for row in rows)
        assert any("D         theme light" in row for row in rows)
    assert dict(actions.palette())["zoom"].endswith("(key o f9)")
    assert actions.keys_of("step").startswith("j l p b e")


async def test_the_layout_of_the_settings_is_the_first_that_is_seen(tmp_path: Path) -> None:
    async with live(tmp_path, layout="gradients") as on:
        assert on.main.layout_name == "gradients"


async def test_what_is_wrong_in_the_file_is_said_on_the_first_screen_and_kept_in_the_log(tmp_path: Path) -> None:
    async with live(tmp_path, warning="config.toml, line 1: theme cannot be “pink” — use dark") as on:
        assert on.status.startswith("config.toml, line 1")
        await on.press("b")
        assert "config.toml" not in on.status
        await on.press("x")
        assert "config.toml, line 1" in on.text("log")
