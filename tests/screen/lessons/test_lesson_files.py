"""Lesson files: broken ones are told by line, whole ones are read, and what was done in them is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.course.findings import Table
from nnwalk_tui.cli import commands
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.lessons.document import Question
from nnwalk_tui.lessons.library import lessons
from nnwalk_tui.lessons.parser import parse_lesson
from nnwalk_tui.lessons.pieces import written
from nnwalk_tui.lessons.progress import Progress, summary
from nnwalk_tui.lessons.questions import Verdict, judge
from nnwalk_tui.render.table import table_lines

HEAD = "---\ntitle: A lesson\nsection: 1\nminutes: 3\nfinds: something\n---\n"  # the body begins on line 7
TRY = "\n```try\nstep op\n```\n"


def question(*lines: str) -> str:
    """A page with a question of these lines, which begin on line 9."""
    return "# Page\n```question q\n" + "\n".join(lines) + "\n```\n"


CHOICE = ("type: choice", "ask: Which?", "a: this", "b: that")
BROKEN = {
    "no header": ("# Page\nText\n" + TRY, 1, "the first line must be ---"),
    "unknown header key": (HEAD.replace("section", "chapter") + "# Page\n" + TRY, 3, "the header has no “chapter”"),
    "missing title": (HEAD.replace("title: A lesson\n", "") + "# Page\n" + TRY, 1, "the header lacks title"),
    "minutes in words": (HEAD.replace("3", "three") + "# Page\n" + TRY, 4, "“three” is not a whole number"),
    "too many minutes": (HEAD.replace("3", "30") + "# Page\n" + TRY, 4, "a lesson takes 1 to 10 minutes"),
    "no page": (HEAD, 6, "the lesson has no page"),
    "text before a page": (HEAD + "Text\n# Page\n" + TRY, 7, "stands before the first page"),
    "empty page": (HEAD + "# Empty\n# Page\n" + TRY, 7, "the page “Empty” is empty"),
    "nothing to find out": (HEAD + "# Page\nText\n", 7, "lets nothing be found out"),
    "open fence": (HEAD + "# Page\n```try\nstep op\n", 8, "this fence does not end"),
    "unknown fence": (HEAD + "# Page\n```tables\n```\n" + TRY, 8, "there is no fence “tables”"),
    "unknown field": (HEAD + "# Page\n```experiment\nmodel: mlp\nspeed: 3\n```\n" + TRY, 10, "no “speed”"),
    "bad field": (HEAD + "# Page\n```experiment\nepochs: many\n```\n" + TRY, 9, "“many” is not a value"),
    "unfit experiment": (HEAD + "# Page\n```experiment\nloss: hinge\n```\n" + TRY, 8, "there is no loss “hinge”"),
    "unknown pane": (HEAD + "# Page\n```layout\nweather\n```\n" + TRY, 8, "there is no pane “weather”"),
    "unknown command": (HEAD + "# Page\n```try\nstep op\nstpe op\n```\n", 10, "did you mean step?"),
    "no place here": (HEAD + "# Page\n```script\nhelp\n```\n" + TRY, 9, "“help” has no place in a lesson"),
    "unknown computation": (HEAD + "# Page\n```compute data.shape\n```\n" + TRY, 8, "did you mean data.shapes?"),
    "unknown argument": (HEAD + "# Page\n```compute data.counts size=3\n```\n" + TRY, 8, "takes no “size”"),
    "bad argument": (HEAD + "# Page\n```compute data.samples count=999\n```\n" + TRY, 8, "out of range"),
    "unknown inline": (HEAD + "# Page\nIt is {no.such}.\n" + TRY, 8, "there is no computation “no.such”"),
    "lonely brace": (HEAD + "# Page\nIt is {data.shapes.\n" + TRY, 8, "a brace “{” stands alone"),
    "bad style": (HEAD + "# Page\n{data.counts .most :x}\n" + TRY, 8, "“:x” is no way to write a number"),
    "no type": (HEAD + question("ask: What?", "answer: 3", "because: so"), 8, "has no type"),
    "no reason": (HEAD + question("type: number", "ask: What?", "answer: 3"), 8, "lacks “because"),
    "no number": (HEAD + question("type: number", "ask: What?", "answer: three", "because: so"), 11, "not a number"),
    "no shape": (HEAD + question("type: shape", "ask: What?", "answer: a/b", "because: so"), 11, "is not a shape"),
    "no such choice": (HEAD + question(*CHOICE, "answer: c", "wrong b: no", "because: so"), 13, "none of a, b"),
    "unexplained": (HEAD + question(*CHOICE, "answer: a", "because: so"), 12, "nothing says why"),
    "no target": (HEAD + question("type: formula", "ask: W?", "answer: X", "because: so"), 8, "lacks “target"),
    "bad network": (
        HEAD + question("type: formula", "ask: W?", "answer: X", "target: dZ[1]", "network: 3-2", "because: so"),
        13,
        "does not describe a network",
    ),
    "twice": (HEAD + (question(*CHOICE, "answer: a", "wrong b: no", "because: so") * 2), 18, "“q” already"),
    "neither yes nor no": (
        HEAD + question("type: number", "ask: What?", "answer: 3", "guess: maybe", "because: so"),
        12,
        "“maybe” is neither yes nor no",
    ),
    "nameless shape": (HEAD + "# Page\n```equation\n:N×2 = X\n```\n" + TRY, 9, "has a shape but no name"),
    "endless": (HEAD + "# Page\n" + ("word " * 100 + "\n") * 20 + TRY, 1, "more than 10: split it"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_by_line(case: str, tmp_path: Path) -> None:
    text, line, said = BROKEN[case]
    path = tmp_path / "broken.md"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(commands, ["lesson", "--check", str(path)])
    assert result.exit_code == 1
    assert any(each.startswith(f"{path}:{line}: ") and said in each for each in result.output.splitlines()), (
        result.output
    )


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = HEAD + "# Page\n```layout\nweather\n```\nIt is {no.such}.\n```try\nfly\n```\n"
    _, problems = parse_lesson(text, tmp_path / "broken.md")
    assert [problem.line for problem in problems] == [8, 11, 13]


def test_a_file_that_is_not_utf_8_or_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "latin.md"
    path.write_bytes(b"---\ntitle: caf\xe9\n")
    assert "not UTF-8" in CliRunner().invoke(commands, ["lesson", "--check", str(path)]).output
    assert "cannot be read" in CliRunner().invoke(commands, ["lesson", "--check", str(tmp_path / "none.md")]).output


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.slug)
def test_the_courses_lessons_have_nothing_wrong_and_end_with_something_found_out(lesson: object) -> None:
    from nnwalk_tui.lessons.document import Lesson

    assert isinstance(lesson, Lesson)
    assert lesson.minutes <= 10
    assert len(lesson.finds) <= 60  # the list's last line says it whole at 80 columns
    assert len(lesson.pages) >= 4
    assert lesson.questions


def test_a_teachers_folder_is_listed_and_the_first_letters_of_a_name_do(tmp_path: Path) -> None:
    body = "# Page\nText\n" + TRY
    (tmp_path / "mine.md").write_text(HEAD + body, encoding="utf-8")
    (tmp_path / "other.md").write_text(HEAD.replace("A lesson", "Another") + body, encoding="utf-8")
    result = CliRunner().invoke(commands, ["lesson", "--list", "--lessons", str(tmp_path)])
    assert [line.split()[0] for line in result.output.splitlines()] == ["mine", "other"]
    result = CliRunner().invoke(commands, ["lesson", "mi", "--headless", "--json", "--lessons", str(tmp_path)])
    assert json.loads(result.output)["lesson"] == "mine"


def test_a_readme_in_a_teachers_folder_is_no_lesson_and_a_folder_can_be_checked_whole(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# These are our lessons\n", encoding="utf-8")
    empty = CliRunner().invoke(commands, ["lesson", "--check", str(tmp_path)])
    assert (empty.exit_code, "there are no lessons" in empty.output) == (2, True)
    (tmp_path / "good.md").write_text(HEAD + "# Page\n" + TRY, encoding="utf-8")
    listed = CliRunner().invoke(commands, ["lesson", "--list", "--lessons", str(tmp_path)])
    assert [line.split()[0] for line in listed.output.splitlines()] == ["good"]
    (tmp_path / "bad.md").write_text(HEAD + "# Page\n", encoding="utf-8")
    checked = CliRunner().invoke(commands, ["lesson", "--check", str(tmp_path)])
    assert checked.exit_code == 1
    assert f"{tmp_path / 'bad.md'}:7: the page “Page” is empty" in checked.output
    assert "good.md: 1 pages, 0 questions, nothing wrong" in checked.output


@pytest.mark.parametrize("option", ["--list", "--report"])
def test_what_is_printed_of_lessons_can_be_ascii_and_stands_in_columns(
    option: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    lines = CliRunner().invoke(commands, ["lesson", option, "--ascii"]).output.splitlines()
    assert all(line.isascii() for line in lines)
    where = "min" if option == "--list" else "new"
    assert len({line.index(where) for line in lines[: len(lessons())]}) == 1


def test_run_without_check_is_a_usage_error() -> None:
    result = CliRunner().invoke(commands, ["lesson", "--run"])
    assert result.exit_code == 2
    assert "--run goes with --check" in result.output


def test_an_unknown_lesson_is_told_with_a_suggestion() -> None:
    result = CliRunner().invoke(commands, ["lesson", "similarty", "--headless"])
    assert "did you mean similarity?" in str(result.exception)


def _question(name: str) -> Question:
    return next(each for lesson in lessons() for each in lesson.questions if each.name == name)


@pytest.mark.parametrize(
    ("name", "given", "right", "said"),
    [
        ("x-train", "60000 x 784", True, "right"),
        ("x-train", "(60000, 784)", True, "right"),
        ("x-train", "784 × 60000", False, "rows and columns are swapped"),
        ("x-train", "60000 × 28 × 28", False, "laid out flat"),
        ("x-train", "60000 × 783", False, "the second size is another one"),
        ("x-train", "?!", None, "is not a shape"),
        ("x-shape", "Nxn_x", True, "right"),
        ("x-shape", "N x nx", True, "right"),
        ("x-shape", "(N, n_x)", True, "right"),
        ("x-shape", "n_x x N", False, "every example is a row"),
        ("broadcast", "NxN", True, "right"),
        ("broadcast", "Nx1", False, "stretches both"),
        ("broadcast", "N x N x 1", False, "it has 2 sizes, not 3"),
        ("features", "784.0", True, "right"),
        ("features", "28", False, "one row of pixels"),
        ("features", "-784", False, "the sign is not"),
        ("features", "many", None, "is not a number"),
        ("lines", "6-8", True, "right"),
        ("lines", "8, 6 and 7", True, "right"),
        ("lines", "6", False, "there is more: line 7"),
        ("lines", "9", False, "they use the gradients"),
        ("who", "B", True, "right"),
        ("who", "a", False, "laws come late"),
        ("who", "z", None, "choose one of a, b, c"),
        ("who", "  ", None, "type an answer"),
    ],
)
def test_answers_are_judged_with_a_reason(name: str, given: str, right: bool | None, said: str) -> None:
    verdict = judge(_question(name), given, lambda call: None)
    assert isinstance(verdict, Verdict)
    assert verdict.right is right
    assert said in verdict.said


def test_a_wrong_number_is_told_its_side_and_only_a_guess_the_answer() -> None:
    assert judge(_question("features"), "900", lambda call: None).said == "too much"
    assert judge(_question("accuracy"), "30 %", lambda call: 0.674).said == "it is 67.40 %: you guessed too little"


@pytest.mark.parametrize("given", ["67.4 %", "67.40", "0.674", "337/500"])
def test_a_share_may_be_typed_as_percent_fraction_or_number(given: str) -> None:
    assert judge(_question("accuracy"), given, lambda call: 0.674).right


def test_computed_numbers_have_the_minus_of_the_text() -> None:
    assert [written(-0.9, style) for style in ("", "1", "%0")] == ["−0.9", "−0.9", "−90 %"]


def test_a_difference_of_shares_is_in_percentage_points() -> None:
    assert [written(0.0234, style) for style in ("pp", "pp1", "pp0")] == [
        *("2.34 percentage points", "2.3 percentage points", "2 percentage points")
    ]


def test_a_value_with_parts_is_not_written_into_a_text() -> None:
    with pytest.raises(KeyError, match="name one: accuracy, of"):
        written({"accuracy": 0.67, "of": 2000}, "%1")
    drawn = table_lines(Table(["loss"], [[-0.9], [2.25]]), 40)
    assert ["".join(text for text, _ in line) for line in drawn] == [" loss", "−0.9", " 2.25"]


def test_progress_is_kept_and_a_wrong_file_of_it_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    path.write_text("{broken")
    lesson = lessons(COURSE)[1]
    progress = Progress(path)
    assert summary(progress, lesson) == "new"
    progress.reached(lesson, 1)
    progress.answered(lesson, "guess", right=False)
    progress.answered(lesson, "guess", right=True)
    progress.gave_up(lesson, "who")
    again = Progress(path)
    assert again.of(lesson).page == 1
    assert again.of(lesson).questions["guess"].tries == 2
    assert not again.of(lesson).questions["guess"].first
    assert not again.is_open(lesson, "who")
    assert again.is_open(lesson, "when")
    assert summary(again, lesson) == f"page 2 of {len(lesson.pages)} · 1 of {len(lesson.questions)} right"


def test_the_report_counts_what_was_right_at_the_first_try(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    from nnwalk_tui.lessons.progress import default_path

    progress, lesson = Progress(default_path()), lessons()[0]
    progress.answered(lesson, "parts", right=True)
    result = CliRunner().invoke(commands, ["lesson", "--report", "--json"])
    first = json.loads(result.output.splitlines()[0])
    assert (first["lesson"], first["right"], first["right_at_first_try"]) == ("start", 1, 1)
    total = CliRunner().invoke(commands, ["lesson", "--report"]).output.splitlines()[-1]
    questions = sum(len(each.questions) for each in lessons())
    assert total == f"0 of {len(lessons())} lessons done, 1/{questions} answers right, 1 at the first try"
