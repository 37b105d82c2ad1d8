"""`nnwalk-tui lesson`: the list, one lesson, a check of a file, a report."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from engine.course.terms import find as find_terms
from engine.course.terms import terms_text
from engine.recording import Job
from nnwalk_tui.lessons.document import Lesson
from nnwalk_tui.lessons.library import COURSE, find, lessons
from nnwalk_tui.lessons.parser import read_lesson
from nnwalk_tui.lessons.progress import Answered, Progress, default_path, summary
from nnwalk_tui.options import looks_options
from nnwalk_tui.render.text import wrap
from nnwalk_tui.settings import Chosen, chosen
from nnwalk_tui.terminal import can_show_screen


@click.command("lesson", short_help="the course: lessons on the real engine")
@click.argument("name", default="")
@click.option("--list", "as_list", is_flag=True, help="Print the lessons, name first.")
@click.option("--check", type=click.Path(path_type=Path), help="Say what is wrong in a lesson file, by line.")
@click.option("--run", "by_running", is_flag=True, help="With --check: carry everything out, too.")
@click.option("--report", is_flag=True, help="Print what was read and answered.")
@click.option("--terms", is_flag=False, flag_value="", metavar="[WORD]", help="Print what a word means, or all words.")
@click.option("--lessons", "folder", type=click.Path(path_type=Path), default=COURSE, help="A folder of your own.")
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
    headless: bool,
    as_json: bool,
    **looks: Any,
) -> None:
    """The course: lessons on the real engine, every number computed before your eyes.

    Without NAME: the list, to choose from.  The first letters of a name are enough.
    """
    if check is not None:
        sys.exit(_check(check, by_running))
    if terms is not None:
        _terms(f"{terms} {name}".strip(), as_json, bool(chosen(**looks).settings.ascii))
    elif as_list:
        _list(folder, as_json)
    elif report:
        _report(folder, as_json)
    else:
        reason = can_show_screen()
        if headless or reason:
            sys.exit(_headless(name, folder, as_json, reason))
        sys.exit(_show(find(name, folder) if name else None, folder, chosen(**looks)))


def _check(path: Path, by_running: bool) -> int:
    found, problems = read_lesson(path)
    for problem in problems:
        click.echo(f"{path}:{problem.line}: {problem.text}")
    if found is None:
        return 1
    if by_running:
        from nnwalk_tui.lessons.headless import check_values

        wrong = list(check_values(found))
        for line, text in wrong:
            click.echo(f"{path}:{line}: {text}")
        if wrong:
            return 1
    click.echo(f"{path}: {len(found.pages)} pages, {len(found.questions)} questions, nothing wrong")
    return 0


def _terms(words: str, as_json: bool, ascii_only: bool) -> None:
    if as_json:
        for term in find_terms(words):
            click.echo(json.dumps(msgspec.to_builtins(term), ensure_ascii=False))
        return
    text = terms_text(words)
    if ascii_only:
        from nnwalk_tui.theme import to_ascii

        text = to_ascii(text)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in text.splitlines():
        click.echo("\n".join(wrap(line, width)) if width else line)


def _list(folder: Path, as_json: bool) -> None:
    every = lessons(folder)
    width = max(len(each.slug) for each in every)
    for each in every:
        if as_json:
            click.echo(json.dumps(_about(each), ensure_ascii=False))
        else:
            click.echo(f"{each.slug:<{width}}  §{each.section:<5} {each.minutes:>2} min  {each.title}")


def _about(each: Lesson) -> dict[str, Any]:
    return {
        "name": each.slug,
        "title": each.title,
        "section": each.section,
        "minutes": each.minutes,
        "pages": len(each.pages),
        "questions": [question.name for question in each.questions],
    }


def _report(folder: Path, as_json: bool) -> None:
    progress, every = Progress(default_path()), lessons(folder)
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
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            score = f"{len(right)}/{len(each.questions)} right, {len(first)} at the first try"
            click.echo(f"{each.slug:<14} {summary(progress, each):<26} {score}")


def _headless(name: str, folder: Path, as_json: bool, reason: str | None) -> int:
    if not name:
        if reason:
            click.echo(f"nnwalk-tui: {reason}: the list of lessons instead", err=True)
        _list(folder, as_json)
        return 0
    from nnwalk_tui.lessons.headless import run_lesson

    return run_lesson(find(name, folder), as_json)


def _show(wanted: Lesson | None, folder: Path, looks: Chosen) -> int:
    """Open the screen on a lesson, or on the list."""
    from engine.experiment import Experiment
    from nnwalk_tui.engine_client import EngineClient
    from nnwalk_tui.lessons.guide import experiment_at

    page = Progress(default_path()).of(wanted).page if wanted else 0
    experiment = (experiment_at(wanted, page) if wanted else None) or Experiment(model="neuron")
    client = EngineClient(Job(experiment=experiment))
    client.start()
    try:
        from nnwalk_tui.app import run
        from nnwalk_tui.teaching import Plan

        plan = Plan(folder, wanted.slug if wanted else "", experiment)
        return run(client, looks, lessons=plan)
    finally:
        client.close()
