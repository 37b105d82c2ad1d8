"""The words of an expression that are names of the run, however they are written: d0.weight, dout[3]ᵀ[…], ℒ/2.

A name that Python would read as something else is put in quotes before the expression is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from engine.lookup.names import INDEXED

_WORD = re.compile(
    r"(?P<head>(?:d:)?[\wℒ](?:[\wℒ.]*[\wℒ])?)(?P<rest>(?:\[[^\s\[\]()'\"]*\]|ᵀ|/\d+|[₀-₉]+|\.[^\W\d]\w*)*)"
)
_PARTS = re.compile(r"\[[^\]]*\]|ᵀ|/\d+|[₀-₉]+|\.\w+")
_OF_TAPES = re.compile(r"[…ᵀℒ/₀-₉]|^\.|\]\.")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
ALIASES = {"acc": "accuracy", "lr": "learning_rate", "val": "valid_loss", "val_loss": "valid_loss"}


def quoted(text: str, is_named: Callable[[str], bool]) -> str:
    """The text with each name in quotes that is not a plain word or a symbol with its layer."""
    return "".join(
        piece if _QUOTED.fullmatch(piece) else _WORD.sub(lambda match: _word(match, is_named), piece)
        for piece in split_quotes(text)
    )


def split_quotes(text: str) -> list[str]:
    """What is in quotes, and what is not, in turn."""
    found, end = [], 0
    for match in _QUOTED.finditer(text):
        found += [text[end : match.start()], match.group()]
        end = match.end()
    return [*found, text[end:]]


def _word(match: re.Match[str], is_named: Callable[[str], bool]) -> str:
    head, parts = match["head"], _PARTS.findall(match["rest"])
    for count in range(len(parts), -1, -1):
        name, rest = head + "".join(parts[:count]), "".join(parts[count:])
        if not _reads_as_it_is(head, parts[:count]) and is_named(name):
            return f"'{name}'{rest}"
        if not count and name.endswith(".T") and is_named(name[:-2]):
            return f"'{name[:-2]}'.T{rest}"
    return match.group()


def _reads_as_it_is(head: str, parts: list[str]) -> bool:
    """Whether this is a plain word or number, or a symbol with a layer, maybe with places in it: W[1][3,5]."""
    if not parts:
        return (head.isidentifier() and head != "ℒ") or head.replace(".", "").isdecimal()
    return head in INDEXED and not _OF_TAPES.search("".join(parts))


def nearest(word: str, names: Iterable[str]) -> str:
    """The three names that a wrong one is most like."""
    known = list(dict.fromkeys(names))
    plain: dict[str, str] = {}
    for name in known:
        plain.setdefault(name.partition("[")[0].lower(), name)
    alike = get_close_matches(word.partition("[")[0].lower(), plain, 3, cutoff=0.0)
    found = [plain[each] for each in alike]
    return f"nearest are {', '.join(found)}; names lists all"
