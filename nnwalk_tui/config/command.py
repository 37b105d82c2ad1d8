"""`nnwalk-tui config`: writes the settings file, or checks it."""

from __future__ import annotations

import sys

import click

from nnwalk_tui.config import keymap, settings


@click.command("config", short_help="write or check the file of settings")
@click.option("--check", is_flag=True, help="Say what is wrong in it, line by line; status 1 if anything is.")
@click.option("--path", "only_path", is_flag=True, help="Print where it is, or would be.")
def config(check: bool, only_path: bool) -> None:
    """Write a file of settings, with comments: theme, ASCII, mouse, memory, keys. One that is there is kept."""
    path = settings.default_path()
    if only_path:
        click.echo(path)
    elif check:
        sys.exit(_check())
    else:
        settings.write_template(path)
        click.echo(f"wrote {path}: every setting is in it, as it is by default; nnwalk-tui config --check checks it")


def _check() -> int:
    path = settings.default_path()
    if not path.exists():
        click.echo(f"there is no {path}: everything is as by default; nnwalk-tui config writes one")
        return 0
    found, problems = settings.read(path)
    _, more = keymap.remapped(found, keymap.owners())
    for problem in sorted([*problems, *more]):
        click.echo(f"{path}: {problem}")
    if not problems and not more:
        click.echo(f"{path}: nothing wrong; {len(found.keys)} commands have keys of their own")
    return int(bool(problems or more))
