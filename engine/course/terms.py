"""The glossary: the words of the course and of its lessons, from terms.toml beside this file. No torch here."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from engine.errors import CommandError

_FILE = Path(__file__).with_name("terms.toml")


class Term(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A word, what it means, how it is written (`ascii`: without Unicode), and where it is met.

    `lesson` is the one that explains it, `view` a command that shows it where no lesson does, `see` names of others.
    """

    name: str
    says: str
    also: list[str] = []
    symbol: str = ""
    ascii: str = ""
    lesson: str = ""
    view: str = ""
    see: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it is called."""
        return (self.name, *self.also)

    @property
    def where(self) -> str:
        """Where it is met, in a few words."""
        if self.lesson:
            return f"lesson {self.lesson}"
        return f"seen in: {self.view}" if self.view else "in no lesson yet"


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    term: list[Term]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    group: list[_Group]


@cache
def groups() -> dict[str, tuple[Term, ...]]:
    """All terms by the heading that they stand under, in the file's order."""
    read = msgspec.convert(tomllib.loads(_FILE.read_text(encoding="utf-8")), _File)
    return {group.title: tuple(group.term) for group in read.group}


def all_terms() -> tuple[Term, ...]:
    """All of them."""
    return tuple(term for terms in groups().values() for term in terms)


def search(words: str) -> list[Term]:
    """The terms that a text may mean, the likeliest first; all of them for an empty one."""
    wanted = _plain(words)
    ranked = [(_rank(term, wanted), term) for term in all_terms()]
    return [term for rank, term in sorted(ranked, key=lambda pair: pair[0]) if rank < _NOT_FOUND]


def find(words: str) -> list[Term]:
    """The same. Raises CommandError, with what is spelt alike, where there is none."""
    found = search(words)
    if found:
        return found
    names = {_plain(name): name for term in all_terms() for name in term.names}
    near = difflib.get_close_matches(_plain(words), names, n=1)
    hint = f"did you mean {names[near[0]]}?" if near else "terms alone lists all words"
    raise CommandError(f"there is no term “{words.strip()}”", hint)


_NOT_FOUND = 6


def _rank(term: Term, wanted: str) -> int:
    names = [_plain(name) for name in term.names]
    symbols = [_plain(symbol) for symbol in (term.symbol, term.ascii)]
    tests = (
        wanted in (names[0], *symbols),
        wanted in names,
        names[0].startswith(wanted),
        any(word.startswith(wanted) for name in names for word in name.split()),
        any(wanted in text for text in (*names, *symbols)),
        wanted in _plain(term.says),
    )
    return next((rank for rank, holds in enumerate(tests) if holds), _NOT_FOUND)


def _plain(text: str) -> str:
    """Compared without case, hyphens, and the two ways to spell -isation."""
    return " ".join(text.casefold().replace("-", " ").split()).replace("isation", "ization")


def terms_text(words: str = "") -> str:
    """A glossary's answer: every name by group, or the entries that `words` may mean. Raises CommandError for none."""
    if not words.strip():
        width = max(len(term.name) for term in all_terms())
        return "\n".join(
            line
            for title, terms in groups().items()
            for line in (title, *(f"  {term.name:<{width}}  {term.where}" for term in terms))
        )
    found = find(words)
    most = found[:_MOST]
    more = [] if len(found) <= _MOST else ["also: " + ", ".join(term.name for term in found[_MOST:])]
    return "\n".join([*map(_entry, most), *more])


_MOST = 3  # entries told in full


def _entry(term: Term) -> str:
    head = (
        term.name + (f" ({', '.join(term.also)})" if term.also else "") + (f"   {term.symbol}" if term.symbol else "")
    )
    see = f" · see also {', '.join(term.see)}" if term.see else ""
    return f"{head}\n  {term.says}\n  {term.where}{see}"
