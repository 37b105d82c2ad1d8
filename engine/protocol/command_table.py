"""The one table of commands, looked up: what a line of text means, and what there is to be typed.

`parse("step op 3")` gives the command that `Session.do`, the engine process, the screen's keys, its palette and `:`,
and headless scripts all share.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from engine.errors import CommandError
from engine.protocol.commands import COMMANDS
from engine.protocol.grammar import Command, Spec

_LONGEST = 4000  # characters; Python reads whole numbers of up to 4,300 digits


def find(name: str, rows: Sequence[Spec] = COMMANDS, cure: str = "") -> Spec:
    """The row of a command. Raises CommandError for an unknown name, saying which is near it, or the cure."""
    names = [spec.name for spec in rows]
    if name.lower() in names:
        return rows[names.index(name.lower())]
    near = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f"did you mean {near[0]}?" if near else cure or f"commands are {', '.join(names)}"
    raise CommandError(f"there is no command “{name}”", hint)


def check_length(text: str) -> None:
    """Raise CommandError for a line that nobody types."""
    if len(text) > _LONGEST:
        raise CommandError(f"the command is {len(text):,} characters long", f"the most is {_LONGEST:,}")


def parse(text: str) -> Command:
    """The command that a line of text means.

    Raises CommandError, naming the word that is wrong and what it could have been.
    """
    check_length(text)
    name, _, rest = text.strip().partition(" ")
    return find(name).parse(rest)


def help_text(name: str = "") -> str:
    """The command table as text, or one row of it. Raises CommandError for an unknown name."""
    rows = [find(name)] if name else COMMANDS
    width = max(len(spec.usage) for spec in rows)
    return "\n".join(f"{spec.usage:<{width}}  {spec.summary}" for spec in rows)
