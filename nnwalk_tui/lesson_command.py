"""`nnwalk-tui lesson`: the list, one lesson, a check of a file, a report."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from engine.course.terms import find as find_terms
from engine.course.terms import terms_text
from engine.protocol.recipe import Job
from nnwalk_tui.config.settings import Chosen, chosen
from nnwalk_tui.lessons import COURSE
from nnwalk_tui.lessons.document import Lesson
from nnwalk_tui.lessons.library import BUNDLED, find, lesson_files, lessons
from nnwalk_tui.lessons.parser import read_lesson
from nnwalk_tui.lessons.progress import Answered, Progress, default_path, summary
from nnwalk_tui.lessons.trust import reach_of, reaches
from nnwalk_tui.options import looks_options
from nnwalk_tui.render.text import wrap
from nnwalk_tui.terminal import before_the_screen, can_show_screen, json_line

Say = Callable[[str], None]  # prints a line


@click.command("lesson", short_help="the course: lessons on the real engine")
@click.argument("name", default="")
@click.option("--list", "as_list", is_flag=True, help="Print the lessons, name first.")
@click.option(
    "--check", type=click.Path(path_type=Path), help="Say what is wrong in a lesson file, or a folder of them, by line."
)
@click.option("--run", "by_running", is_flag=True, help="With --check: carry everything out, too.")
@click.option("--report", is_flag=True, help="Print what was read and answered.")
@click.option("--terms", is_flag=False, flag_value="", metavar="[WORD]", help="Print what a word means, or all words.")
@click.option("--lessons", "folder", type=click.Path(path_type=Path), default=COURSE, help="A folder of your own.")
@click.option("--trust", is_flag=True, help="Lessons of your own: they may write and open files unasked.")
@click.option("--data", help="Other digits to compute on: mnist (downloaded once), or a folder of IDX files.")
@click.option("--headless", is_flag=True, help="No screen: run the lesson's experiments and answers, print, end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@looks_options
def lesson(
    name: str,
    as_list: bool,
    check: Path | None,
    by_running: bool,
    report: bool,
    terms: str | None,
    folder: Path,
    trust: bool,
    data: str | None,
    headless: bool,
    as_json: bool,
    **looks: Any,
) -> None:
    """The course: lessons on the real engine, every number computed before your eyes.

    Without NAME: the list, to choose from.  The first letters of a name are enough.
    """
    settled = chosen(**looks)
    say = _say_ascii if settled.settings.ascii else click.echo
    if by_running and check is None:
        raise click.UsageError("--run goes with --check FILE")
    if check is not None:
        files = lesson_files(check) if check.is_dir() else [check]
        if not files:
            raise click.UsageError(f"there are no lessons in {check}")
        sys.exit(max(_check(path, by_running, trust, say) for path in files))
    if terms is not None:
        _terms(f"{terms} {name}".strip(), as_json, say)
    elif as_list:
        _list(folder, as_json, say)
    elif report:
        _report(folder, as_json, say)
    else:
        reason = can_show_screen()
        if headless or reason:
            sys.exit(_headless(name, folder, trust, data, as_json, reason, say))
        sys.exit(_show(find(name, folder) if name else None, folder, trust, data, settled))


def _say_ascii(text: str) -> None:
    from nnwalk_tui.colours.theme import to_ascii

    click.echo(to_ascii(text))


def _check(path: Path, by_running: bool, trust: bool, say: Say) -> int:
    found, problems = read_lesson(path)
    for problem in problems:
        say(f"{path}:{problem.line}: {problem.text}")
    if found is None:
        return 1
    for line, what in reaches(found):
        say(f"{path}:{line}: asks first: it is going to {what}")
    if by_running:
        from nnwalk_tui.lessons.headless import check_values

        wrong = list(check_values(found, trust=trust))
        for line, text in wrong:
            say(f"{path}:{line}: {text}")
        if wrong:
            return 1
    say(f"{path}: {len(found.pages)} pages, {len(found.questions)} questions, nothing wrong")
    return 0


def _terms(words: str, as_json: bool, say: Say) -> None:
    if as_json:
        for term in find_terms(words):
            say(json_line(msgspec.to_builtins(term)))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in terms_text(words).splitlines():
        say("\n".join(wrap(line, width)) if width else line)


def _list(folder: Path, as_json: bool, say: Say) -> None:
    every = lessons(folder)
    width, section = (max(map(len, texts)) for texts in zip(*((e.slug, e.section) for e in every), strict=True))
    for each in every:
        if as_json:
            say(json_line(_about(each)))
        else:
            say(f"{each.slug:<{width}}  §{each.section:<{section}} {each.minutes:>2} min  {each.title}")


def _about(each: Lesson) -> dict[str, Any]:
    return {
        "name": each.slug,
        "title": each.title,
        "section": each.section,
        "minutes": each.minutes,
        "pages": len(each.pages),
        "questions": [question.name for question in each.questions],
    }


def _report(folder: Path, as_json: bool, say: Say) -> None:
    progress, every = Progress(default_path()), lessons(folder)
    width = max(len(each.slug) for each in every)
    asked = was_right = at_once = 0
    for each in every:
        visited = progress.of(each)
        right = [q.name for q in each.questions if visited.questions.get(q.name, Answered()).right]
        first = [q.name for q in each.questions if visited.questions.get(q.name, Answered()).first]
        if as_json:
            line = {
                "lesson": each.slug,
                "done": progress.finished(each),
                "pages_read": visited.furthest + 1,
                "pages": len(each.pages),
                "questions": len(each.questions),
                "right": len(right),
                "right_at_first_try": len(first),
                "tries": {name: known.tries for name, known in visited.questions.items()},
            }
            say(json_line(line))
        else:
            asked, was_right, at_once = asked + len(each.questions), was_right + len(right), at_once + len(first)
            score = f"{len(right)}/{len(each.questions)} right, {len(first)} at the first try"
            say(f"{each.slug:<{width}}  {summary(progress, each):<26} {score}")
    if not as_json:
        done = sum(progress.finished(each) for each in every)
        say(f"{done} of {len(every)} lessons done, {was_right}/{asked} answers right, {at_once} at the first try")


def _headless(
    name: str, folder: Path, trust: bool, data: str | None, as_json: bool, reason: str | None, say: Say
) -> int:
    if not name:
        if reason:
            click.echo(f"nnwalk-tui: {reason}: the list of lessons instead", err=True)
        _list(folder, as_json, say)
        return 0
    from nnwalk_tui.lessons.headless import run_lesson

    return run_lesson(find(name, folder), as_json, trust=trust, data=data)


def _show(wanted: Lesson | None, folder: Path, trust: bool, data: str | None, looks: Chosen) -> int:
    """Open the screen on a lesson, or on the list."""
    from engine.experiments.experiment import Experiment
    from nnwalk_tui.client.spawned import Spawned
    from nnwalk_tui.lessons.guide import experiment_at

    page = Progress(default_path()).of(wanted).page if wanted else 0
    experiment = experiment_at(wanted, page) if wanted else None
    if experiment is None or (reach_of(experiment) and not trust):  # what it opens is asked for on the screen
        experiment = Experiment(model="neuron")
    if data is not None and experiment.data == BUNDLED:
        experiment = replace(experiment, data=data)
    target = Spawned(Job(experiment=experiment))
    try:
        before_the_screen()
        from nnwalk_tui.app import run
        from nnwalk_tui.parts.classroom import Plan

        plan = Plan(folder, wanted.slug if wanted else "", experiment, trust, data)
        return run(target, looks, lessons=plan)
    finally:
        target.close()
