"""A lesson looks, steps and sets; what reaches further is the reader's to allow, each time, and is said beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nnwalk_tui.config.settings import ENTRIES
from nnwalk_tui.lesson_command import lesson as command
from nnwalk_tui.lessons.library import lessons
from nnwalk_tui.lessons.parser import read_lesson
from nnwalk_tui.lessons.trust import is_ours, reach, reaches
from nnwalk_tui.parts.classroom import Plan
from nnwalk_tui.screens.question import QuestionScreen
from tests.support.school import School

HEAD = "---\ntitle: A lesson\nsection: 1\nminutes: 3\nfinds: something\n---\n# Page\n"
BODY = """Text
```{fence}
step
save {path}
export! weights {path}.x
write W[1] {path}.npy
```
```try
step
```
"""


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file that a lesson would like to overwrite."""
    path = tmp_path / "precious.json"
    path.write_text("mine")
    return path


def written(tmp_path: Path, body: str) -> Path:
    folder = tmp_path / "lessons"
    folder.mkdir(exist_ok=True)
    (folder / "strange.md").write_text(HEAD + body)
    return folder


def test_what_a_command_reaches_is_told_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("/etc")
    for text, says in (
        ("save run.json", f"write {tmp_path}/run.json"),
        ("save! run.json", f"replace {tmp_path}/run.json"),
        ("export script link/x", "write /etc/x"),
        ("write W[1] ../a.npy", f"write {tmp_path.parent}/a.npy"),
        ("compute data.counts source=/etc", "open /etc"),
        ("compute data.counts source=mnist", "open MNIST, which is fetched if it is not there"),
        ("compute data.counts", ""),
        *((text, "") for text in ("step op 3", "set W[1] 0", "print loss", "watch loss > 1", "run", "plot loss")),
    ):
        assert reach(text) == says


def test_the_course_itself_asks_for_nothing() -> None:
    for each in lessons():
        assert is_ours(each)
        assert not [*reaches(each)]


def test_a_check_names_what_a_lesson_would_ask_for(precious: Path, tmp_path: Path) -> None:
    data = "```experiment\nmodel: mlp\ndata: /etc\n```\nIt has {data.counts source=/home} digits.\n"
    folder = written(tmp_path, data + BODY.format(fence="script", path=precious))
    done = CliRunner().invoke(command, ["--check", str(folder / "strange.md")])
    assert done.exit_code == 0
    for line, what in (
        (8, "open /etc"),
        (12, "open /home"),
        (16, f"write {precious}"),
        (17, f"replace {precious}.x"),
        (18, f"write {precious}.npy"),
    ):
        assert f"strange.md:{line}: asks first: it is going to {what}\n" in done.stdout


@pytest.mark.parametrize("fence", ["script", "try"])
async def test_on_the_screen_it_is_asked_and_refused_and_the_file_is_untouched(
    fence: str, precious: Path, tmp_path: Path
) -> None:
    school = School(tmp_path, "strange", folder=written(tmp_path, BODY.format(fence=fence, path=precious)))
    asked = []
    async with school.app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        for _ in range(12):
            while isinstance(school.app.screen, QuestionScreen):
                asked.append(school.app.screen.question)
                await pilot.press("enter", "n")
                await pilot.pause()
            if fence == "try":
                school.app.perform("try")
                await pilot.pause()
    assert len(asked) == 3
    assert all(
        f"going to {what} {precious}" in text for what, text in zip(("write", "replace", "write"), asked, strict=True)
    )
    assert {text.split()[0] for text in school.own.asked} <= {"step", "names"}
    assert precious.read_text() == "mine"


async def test_with_a_yes_it_is_done_once(precious: Path, tmp_path: Path) -> None:
    school = School(tmp_path, "strange", folder=written(tmp_path, BODY.format(fence="script", path=precious)))
    async with school.app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.press("y", "n", "n")
        await pilot.pause()
    assert [text for text in school.own.asked if "precious" in text] == [f"save {precious}"]


async def test_data_is_asked_for_before_the_lesson_opens(tmp_path: Path) -> None:
    folder = written(tmp_path, "```experiment\nmodel: mlp\ndata: /etc\n```\n" + BODY.format(fence="script", path="x"))
    school = School(tmp_path, "strange", folder=folder)
    async with school.app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert isinstance(school.app.screen, QuestionScreen)
        assert "open /etc" in school.app.screen.question
        await pilot.press("n")
        await pilot.pause()
        assert school.app.classroom.guide is None
    assert not school.started


async def test_ones_own_lessons_are_not_asked_about(precious: Path, tmp_path: Path) -> None:
    folder = written(tmp_path, BODY.format(fence="script", path=precious))
    school = School(tmp_path, "strange", folder=folder, trust=True)
    async with school.app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert not isinstance(school.app.screen, QuestionScreen)
    assert f"save {precious}" in school.own.asked


def test_without_a_screen_it_is_refused_unless_it_is_trusted(precious: Path, tmp_path: Path) -> None:
    folder = written(tmp_path, BODY.format(fence="script", path=precious))
    arguments = ["strange", "--lessons", str(folder), "--headless"]
    refused = CliRunner().invoke(command, arguments)
    assert refused.exit_code == 1
    assert f"may not write {precious} unasked" in refused.stdout
    assert sorted(tmp_path.iterdir()) == [folder, precious]
    trusted = CliRunner().invoke(command, [*arguments, "--trust"])
    assert trusted.exit_code == 1  # what is there is not replaced even so
    assert "there is a file" in trusted.stdout
    assert precious.read_text() == "mine"
    assert precious.with_name("precious.json.npy").exists()


def test_no_lesson_and_no_setting_can_give_trust(tmp_path: Path) -> None:
    folder = written(tmp_path, "```trust\n```\n" + BODY.format(fence="script", path="x"))
    found, problems = read_lesson(folder / "strange.md")
    assert found is None
    assert "no fence" in problems[0].text
    assert "trust" not in {entry.name for entry in ENTRIES}
    assert not Plan().trust
