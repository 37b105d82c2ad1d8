"""The glossary: the words of the course and of its lessons, from terms.toml beside this file. No torch here."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.errors import CommandError

_FILE = Path(__file__).with_name("terms.toml")


class Term(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A word, what it means, how it is written (`ascii`: without Unicode), and where it is met.

    `lesson` is the one that explains it, `see` names of others.
    """

    name: str
    says: str
    lesson: str
    also: list[str] = []
    symbol: str = ""
    ascii: str = ""
    see: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it is called."""
        return (self.name, *self.also)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Everything that it is written as; of `W[l], b[l]` each by itself."""
        return tuple(text for whole in (self.symbol, self.ascii) for text in (whole, *whole.split(", ")) if text)

    @property
    def opens(self) -> str:
        """The command that leads to where it is met."""
        return f"lesson {self.lesson}"


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


class Found(NamedTuple):
    """A term, and whether it is called what was searched for (or begins so), not only mentions it."""

    term: Term
    called: bool


def found(words: str) -> list[Found]:
    """The terms that a text may mean, the likeliest first: its names, what begins so, then what only mentions it.

    Of two words no part of a word is taken: the dependent variable is no independent one.
    """
    wanted = _plain(words)
    ranked = sorted(((_rank(term, wanted), term) for term in all_terms()), key=lambda pair: pair[0])
    return [Found(term, rank < _MENTIONED) for rank, term in ranked if rank < _NOT_FOUND]


def search(words: str) -> list[Term]:
    """The same, the terms alone; all of them for an empty text."""
    return [each.term for each in found(words)]


def spoken_of(text: str) -> list[Term]:
    """The terms that a text names, in its order, each once; of overlapping names the longest."""
    return list({term.name: term for _, term in sorted(_hits(text), key=lambda pair: pair[0].start())}.values())


def term_at(text: str, column: int) -> Term | None:
    """The term whose name, or whose symbol, stands at a column of a line."""
    return next((term for hit, term in _hits(text) if hit.start() <= column < hit.end()), None)


def _hits(text: str) -> Iterator[tuple[re.Match[str], Term]]:
    names, symbols = _names_and_symbols()
    for hit in _any_name().finditer(text):
        yield hit, names[_plain(_BETWEEN.sub(" ", hit.group(1)))]
    for hit in _ADDRESS.finditer(text):
        if (symbol := _any_layer(hit.group())) in symbols:
            yield hit, symbols[symbol]


_BETWEEN = re.compile(r"[-\s│]+")  # words of a name, which may go on in the pane's next line
_ADDRESS = re.compile(r"(?:∂ℒ/∂|∂_)?[A-Za-zŶŷ]+\[\d+\]")


def _any_layer(address: str) -> str:
    return re.sub(r"\[\d+\]", "[l]", address)


@cache
def _names_and_symbols() -> tuple[dict[str, Term], dict[str, Term]]:
    """Terms by what they are called, and by the symbols that stand for a layer's value."""
    terms = all_terms()[::-1]  # the first of two has the word
    names = {_plain(name): term for term in terms for name in term.names}
    symbols = {
        symbol: term for term in terms for symbol in term.symbols if _ADDRESS.fullmatch(symbol.replace("[l]", "[1]"))
    }
    return names, symbols


@cache
def _any_name() -> re.Pattern[str]:
    names = sorted(_names_and_symbols()[0], key=len, reverse=True)
    words = ("[-\\s│]+".join(map(re.escape, name.split())) for name in names)
    return re.compile(rf"(?<!\w)({'|'.join(words)})(?:s|es)?(?!\w)", re.IGNORECASE)


def find(words: str) -> list[Term]:
    """The same. Raises CommandError, with what is spelt alike, where there is none."""
    terms = search(words)
    if terms:
        return terms
    names = {_plain(name): name for term in all_terms() for name in term.names}
    near = difflib.get_close_matches(_plain(words), names, n=1)
    hint = f"did you mean {names[near[0]]}?" if near else "terms alone lists all words"
    raise CommandError(f"there is no term “{words.strip()}”", hint)


_MENTIONED, _NOT_FOUND = 4, 6


def _rank(term: Term, wanted: str) -> int:
    names = [_plain(name) for name in term.names]
    symbols = [_plain(symbol) for symbol in term.symbols]
    tests = (
        wanted in (names[0], *symbols),
        wanted in names or wanted in [f"{name}s" for name in names],
        names[0].startswith(wanted),
        any(_begins_word(name, wanted) for name in names),
        " " not in wanted and any(wanted in text for text in (*names, *symbols)),
        wanted in _plain(term.says),
    )
    return next((rank for rank, holds in enumerate(tests) if holds), _NOT_FOUND)


def _begins_word(name: str, wanted: str) -> bool:
    return f" {name}".find(f" {wanted}") >= 0


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
            for line in (title, *(f"  {term.name:<{width}}  {term.opens}" for term in terms))
        )
    find(words)  # raises for none
    called = [each.term for each in found(words) if each.called]
    mentioning = [each.term for each in found(words) if not each.called]
    told = called[:_MOST] or mentioning[:_MOST]
    none = [] if called else [f"no word is called “{words.strip()}”; these speak of it:"]
    rest = [("also", called), ("spoken of in", mentioning)]
    more = [_named(why, [term for term in terms if term not in told]) for why, terms in rest]
    return "\n".join([*none, *map(_entry, told), *filter(None, more)])


def _named(why: str, terms: list[Term]) -> str:
    return f"{why}: {', '.join(term.name for term in terms)}" if terms else ""


_MOST = 3  # entries told in full


def _entry(term: Term) -> str:
    head = (
        term.name + (f" ({', '.join(term.also)})" if term.also else "") + (f"   {term.symbol}" if term.symbol else "")
    )
    see = f" · see also {', '.join(term.see)}" if term.see else ""
    return f"{head}\n  {term.says}\n  {term.opens}{see}"
