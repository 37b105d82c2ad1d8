"""The language of rules: text → tree.

choice   = sum ["if" condition "else" choice]
condition = sum [(< ≤ > ≥ = ≠) sum …] ["and" condition]        alone it holds where it is not 0
sum      = ["−"] product (+ −) product …
product  = term (∗ /) term …
term     = factor · factor …
factor   = −factor | Σ… product | √ factor | atom [² ³ ⁴ | ^ atom]
atom     = number | {name} | {name.T} | name(choice, …) | mean…(choice) | (choice) | |choice| | 1[condition]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from engine.tape.rules.rule import LETTERS

_TOKEN = re.compile(
    rf"\s*(\{{[^}}]+\}}|1\[|\d+(?:\.\d+)?(?:e[-−+]?\d+)?|∞|Σ[{LETTERS}]*|(?:mean|var|max|min)[{LETTERS}]*(?=\()|[A-Za-zΦφσ]+\w*|"
    r"[-+−∗/·()|√<>≤≥=≠^,\]²³⁴])"
)
_REDUCING = ("mean", "var", "max", "min")  # of several values max and min are those of each element
_POWERS = {"²": 2, "³": 3, "⁴": 4}
_COMPARISONS = ("<", "≤", ">", "≥", "=", "≠")


@dataclass(frozen=True)
class Number:
    text: str
    value: float


@dataclass(frozen=True)
class Slot:
    """`{name}`: an argument, a result, a gradient, or a name that the rule defines."""

    name: str
    transposed: bool = False


@dataclass(frozen=True)
class Negative:
    of: Node


@dataclass(frozen=True)
class Binary:
    sign: str  # + − ∗ / ·
    left: Node
    right: Node


@dataclass(frozen=True)
class Power:
    base: Node
    exponent: Node
    text: str  # of the exponent: "²", or "" for ^


@dataclass(frozen=True)
class Applied:
    function: str  # its name; "√", "|", "(" for a bracket
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Reduced:
    """Σ, mean, var, max or min over dimensions; None for all."""

    kind: str
    dims: tuple[int, ...] | None
    of: Node

    @property
    def sign(self) -> str:
        return self.kind + ("" if self.dims is None else "".join(LETTERS[dim] for dim in self.dims))


@dataclass(frozen=True)
class Condition:
    """left < middle ≤ right, and as many `also` as there are."""

    parts: tuple[Node, ...]
    signs: tuple[str, ...]
    also: Condition | None = None


@dataclass(frozen=True)
class Indicator:
    condition: Condition


@dataclass(frozen=True)
class Choice:
    condition: Condition
    yes: Node
    no: Node


Node = Number | Slot | Negative | Binary | Power | Applied | Reduced | Indicator | Choice


@lru_cache(2048)
def parse(text: str) -> Node:
    """The tree of a text. Raises ValueError, with the place, for what is not in the language."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._at = text, _tokens(text), 0

    def whole(self) -> Node:
        found = self._choice()
        if self._at < len(self._tokens):
            raise self._stuck()
        return found

    def _stuck(self) -> ValueError:
        return ValueError(f"stuck at “{' '.join(self._tokens[self._at :])}” of “{self._text}”")

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._next()
        if not token or (wanted and token not in wanted):
            return ""
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._stuck()

    def _choice(self) -> Node:
        yes = self._sum()
        if not self._take("if"):
            return yes
        condition = self._condition()
        self._expect("else")
        return Choice(condition, yes, self._choice())

    def _condition(self) -> Condition:
        parts, signs = [self._sum()], []
        while sign := self._take(*_COMPARISONS):
            signs.append(sign)
            parts.append(self._sum())
        return Condition(tuple(parts), tuple(signs), self._condition() if self._take("and") else None)

    def _sum(self) -> Node:
        found: Node = Negative(self._product()) if self._take("−") else self._product()
        while sign := self._take("+", "−"):
            found = Binary(sign, found, self._product())
        return found

    def _product(self) -> Node:
        found = self._term()
        while sign := self._take("∗", "/"):
            found = Binary(sign, found, self._term())
        return found

    def _term(self) -> Node:
        found = self._factor()
        while self._take("·"):
            found = Binary("·", found, self._factor())
        return found

    def _factor(self) -> Node:
        token = self._next()
        if token.startswith("Σ"):
            self._at += 1
            return Reduced("Σ", _dims(token[1:]), self._product())
        if self._take("−"):
            return Negative(self._factor())
        if self._take("√"):
            return Applied("√", (self._factor(),))
        base = self._atom()
        if power := self._take("²", "³", "⁴"):
            return Power(base, Number(str(_POWERS[power]), _POWERS[power]), power)
        return Power(base, self._atom(), "") if self._take("^") else base

    def _atom(self) -> Node:
        token = self._take()
        if token.startswith("{"):
            name, _, transposed = token[1:-1].partition(".")
            return Slot(name, transposed == "T")
        if token == "1[":
            condition = self._condition()
            self._expect("]")
            return Indicator(condition)
        if token == "∞" or token[:1].isdigit():
            return Number(token, float("inf") if token == "∞" else float(token.replace("−", "-")))
        if token in ("(", "|"):
            inside = self._choice()
            self._expect(")" if token == "(" else "|")
            return Applied(token, (inside,))
        if self._take("("):
            return self._applied(token)
        raise self._stuck()

    def _applied(self, name: str) -> Node:
        arguments = [self._choice()]
        while self._take(","):
            arguments.append(self._choice())
        self._expect(")")
        kind = name.rstrip(LETTERS)
        if kind in _REDUCING and (kind != name or len(arguments) == 1):
            return Reduced(kind, _dims(name.removeprefix(kind)), arguments[0])
        return Applied(name, tuple(arguments))


def _dims(text: str) -> tuple[int, ...] | None:
    return tuple(map(LETTERS.index, text)) or None


def _tokens(text: str) -> list[str]:
    tokens, end = [], 0
    while end < len(text.rstrip()):
        found = _TOKEN.match(text, end)
        if found is None:
            raise ValueError(f"stuck at “{text[end:]}” of “{text}”")
        tokens.append(found[1])
        end = found.end()
    return tokens


def is_sum(text: str) -> bool:
    """Whether a text needs brackets to be a factor."""
    tree = parse(text)
    return isinstance(tree, Negative | Choice) or (isinstance(tree, Binary) and tree.sign in "+−")
