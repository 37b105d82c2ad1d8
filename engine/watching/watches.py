"""Conditions: what a run is to stop at, and where in a batch it came true.

A condition is an expression that is true or false. Its parts are told apart once, so that a free run pays only for
what it must: scalars, parameters and their gradients are read from the live model; a value of the forward pass
or an inner gradient asks for the batch's tape; the place (phase, op, layer, path, event) is compared with the tape of
the batch before, since batches of a model are alike.
"""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeGuard

from torch import Tensor

from engine.errors import CommandError, ExpressionError, NotComputedYetError
from engine.lookup.answers import readable
from engine.lookup.everywhere import first_bad
from engine.lookup.expressions import bare_word, evaluate_tree, parse, yes_or_no
from engine.lookup.moment import Moment
from engine.lookup.names import INDEXED, Ref
from engine.lookup.nonfinite import bad_before
from engine.lookup.values import Values
from engine.panes.equations import title
from engine.protocol.positions import Phase
from engine.protocol.replies import Hit
from engine.tape.tape import Tape
from engine.watching.cause import nonfinite_words

PLACES = frozenset(("phase", "op", "layer", "time", "path", "event"))
_FORWARD_SYMBOLS = frozenset((*INDEXED, "X", "Y", "L", "dL", "dX")) - {
    *("W", "b", "gamma", "beta", "dW", "db", "dgamma", "dbeta")  # known without a tape
}

ADVICE = {
    "nan": "watch nan(*) stops at the operation that makes the first one; O and o walk on from here",
    "dead": "a dead neuron's gradient is zero, so it stays dead: try leaky-relu, kaiming, or a lower rate",
    "saturated": "its slope is nearly zero, so gradients vanish: look at max(abs(Z[1])), try --init scaled-normal",
    "norm": "compare the norms of all layers in the gradients pane: which way do they shrink or grow?",
    "ratio": "about 1e-3 is usual; much less learns slowly, much more is unstable: change the learning rate",
    "loss": "look at what the last update changed: print ratio(W[1]); i looks into any value here",
    "max": "large pre-activations saturate or overflow: stats Z shows their spread",
}


@dataclass(frozen=True)
class Found:
    """Where a condition is true: made so by `event`; a run stops when event `stop` is done."""

    condition: Condition
    event: int
    stop: int


class Condition:
    """A parsed condition. Raises ExpressionError where the text does not read or names what does not exist."""

    def __init__(self, text: str, values: Values) -> None:
        self.text = text
        self.tree = parse(text, values.is_named, values.row_of)
        terms = _conjuncts(self.tree)
        self._place_terms = [term for term in terms if _names(term) & PLACES]
        self._batch_terms = [term for term in terms if not _names(term) & PLACES]
        self.functions = set(map(_called, ast.walk(self.tree))) - {""}
        self.looks_everywhere = "__everywhere__" in _names(self.tree)
        self.is_nan_everywhere = self.looks_everywhere and isinstance(self.tree, ast.Call)
        self.on_place = bool(self._place_terms)
        self.needs_tape = bool(_names(self.tree) & _FORWARD_SYMBOLS) or "grad" in self.functions
        self.needs_tape |= any(map(values.is_of_tape, _written_names(self.tree)))
        scalar_only = not self.functions and not any(isinstance(node, ast.Subscript) for node in ast.walk(self.tree))
        self.on_scalars = scalar_only and not self.on_place and _names(self.tree) <= frozenset(values.scalars)
        self.parameters = parameters_read(self.tree, values)
        self.reads_parameters = bool(self.parameters) or self.looks_everywhere
        self._read_parameters = [bool(parameters_read(term, values)) for term in self._batch_terms]
        self._matching: tuple[int, bool] = (0, False)
        self._try_out(values)

    def _try_out(self, values: Values) -> None:
        """Find wrong words now, rather than in the middle of a run; each by itself, since not all is computed yet."""
        with suppress(NotComputedYetError):
            self.holds(values)
        for name in _free_names(self.tree):
            with suppress(NotComputedYetError):
                evaluate_tree(name, values)

    def holds(self, values: Values) -> bool:
        """Whether it is true at a cursor. Raises ExpressionError, NotComputedYetError for what comes later."""
        return yes_or_no(evaluate_tree(self.tree, values), self.tree)

    def may_hold(self, values: Values, template: Tape | None) -> bool:
        """Whether it may have come true in a batch, seen from its end: false only where it surely has not."""
        if self._place_terms and template is not None and not self._place_may_match(values, template):
            return False
        return all(map(partial(_term_may_hold, values), self._batch_terms, self._read_parameters))

    def _place_may_match(self, values: Values, template: Tape) -> bool:
        """Whether some event of a tape of the same structure is at the place; remembered for each structure."""
        if self._matching[0] != id(template):
            found = any(self._place_holds(values.at(template, event.number)) for event in template.events)
            self._matching = (id(template), found)
        return self._matching[1]

    def _place_holds(self, values: Values) -> bool:
        try:
            return all(yes_or_no(evaluate_tree(term, values), term) for term in self._place_terms)
        except NotComputedYetError:
            return False

    def places(self, values: Values, tape: Tape, after: int = 0) -> list[Found]:
        """Where in a batch it is true, after an event; what is of the whole batch stops at the batch's end."""
        if not self.on_scalars:
            return [Found(self, event, event) for event in self.events(values, tape, after)]
        first = next(iter(self.events(values, tape)), None)
        holds = first is not None and self._holds_now(values.at(tape, len(tape)))
        return [Found(self, first, len(tape))] if first is not None and holds else []

    def events(self, values: Values, tape: Tape, after: int = 0) -> list[int]:
        """The events at which it came true: became so, or, for a place, is so."""
        if self.is_nan_everywhere:
            made = first_bad(values)
            return [made.event.number] if made is not None and made.event.number > after else []
        found, before = [], False
        for number in range(1, len(tape) + 1):
            now = self._holds_now(values.at(tape, number))
            if now and (self.on_place or not before) and number > after:
                found.append(number)
            before = now
        return found

    def was_so(self, values: Values, tape: Tape, after: int) -> Found | None:
        """Of nan(*): a parameter that was not finite before the batch, in which then nothing is found that made it."""
        if self.is_nan_everywhere and after < len(tape) and bad_before(tape):
            return Found(self, after + 1, after + 1)
        return None

    def _holds_now(self, values: Values) -> bool:
        try:
            return self.holds(values)
        except NotComputedYetError:
            return False

    def actual(self, values: Values) -> str:
        """The value that met the condition: the left sides of its comparisons, "norm(dW[1]) = 3.2e-08"."""
        shown = []
        for node in ast.walk(self.tree):
            side = node.left if isinstance(node, ast.Compare) else None
            if side is not None and not isinstance(side, ast.Constant):
                with suppress(NotComputedYetError):  # of `layer == 3 or loss < 1`, the loss may be still to come
                    shown.append(f"{ast.unparse(side)} = {_short(evaluate_tree(side, values))}")
        return ", ".join(dict.fromkeys(shown))

    def advice(self) -> str:
        """What to look at next."""
        words = [*self.functions, *_names(self.tree)]
        return next((ADVICE[word] for word in words if word in ADVICE), "i looks into any value here; O and o walk on")


@dataclass
class Watch:
    """A numbered condition that stops any run while it is enabled."""

    number: int
    condition: Condition
    enabled: bool = True


class Watches:
    """The watches of a moment. Their numbers are never used again."""

    def __init__(self) -> None:
        self.all: list[Watch] = []
        self._last = 0

    def add(self, condition: Condition) -> Watch:
        """A new watch, enabled."""
        self._last += 1
        watch = Watch(self._last, condition)
        self.all.append(watch)
        return watch

    def enabled(self) -> list[Condition]:
        """The conditions that stop a run."""
        return [watch.condition for watch in self.all if watch.enabled]

    def number_of(self, condition: Condition) -> int:
        """The number of a condition's watch; 0 where it is none's."""
        return next((watch.number for watch in self.all if watch.condition is condition), 0)

    def find(self, number: str) -> list[Watch]:
        """The watch of a number, or all. Raises CommandError, listing what there are."""
        found = [watch for watch in self.all if number in (str(watch.number), "all")]
        if not found and number != "all":
            there = ", ".join(str(watch.number) for watch in self.all)
            raise CommandError(f"there is no watch {number}", f"there are {there}" if there else "none is set")
        return found

    def enable(self, number: str, enabled: bool) -> None:
        """Let a watch stop runs, or not."""
        for watch in self.find(number):
            watch.enabled = enabled

    def delete(self, number: str) -> None:
        """Forget a watch, or all."""
        gone = self.find(number)
        self.all = [watch for watch in self.all if watch not in gone]


def hit_at(moment: Moment, found: Found, watch: int) -> Hit:
    """The report of a condition that is true at a position; `watch` is the number of its watch, 0 where it has none."""
    condition, tape = found.condition, moment.tape
    assert tape is not None
    if condition.is_nan_everywhere:
        value, advice = nonfinite_words(moment, tape, found.event)
    else:
        value, advice = condition.actual(moment.values), condition.advice()
    event = title(moment.naming, tape, tape.events[found.event - 1])
    return Hit(condition.text, watch, moment.position, found.event, event, value, advice)


def _short(value: Any) -> str:
    if isinstance(value, Tensor) and value.numel() > 1:
        return f"{'×'.join(map(str, value.shape))} values"
    return readable(value)


def _conjuncts(tree: ast.expr) -> list[ast.expr]:
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [term for part in tree.values for term in _conjuncts(part)]
    return [tree]


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _written_names(tree: ast.AST) -> set[str]:
    """Names that stand by themselves, plain or in quotes, rather than beside a place: `op == relu`."""
    beside = {id(side) for _, sides in _compared_places(tree) for side in sides}
    words = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in beside]
    return {node.value for node in words if isinstance(node.value, str)} | {node.id for node in _free_names(tree)}


def _free_names(tree: ast.AST) -> list[ast.Name]:
    """The names that stand for a value of their own: not those of functions or layers, nor words beside a place."""
    bound = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    bound |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    bound |= {id(part) for node in ast.walk(tree) if _is_rate(node) for part in ast.walk(node.slice)}
    bound |= {id(side) for _, sides in _compared_places(tree) for side in sides}
    return [n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in bound and n.id != "__everywhere__"]


def _is_rate(node: ast.AST) -> TypeGuard[ast.Subscript]:
    """Whether this is the rate of a parameter group: learning_rate[head]."""
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "learning_rate"


def _compared_places(tree: ast.AST) -> list[tuple[str, list[ast.expr]]]:
    """What the words of a place are compared with: ("op", [relu])."""
    return [
        (node.left.id, node.comparators)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id in PLACES
    ]


def check_places(moment: Moment, condition: Condition) -> None:
    """Raise ExpressionError for a phase, operation, layer or module path that this model does not have."""
    for place, sides in _compared_places(condition.tree):
        known = _known_places(moment, place)
        for side in sides:
            word = str(side.value) if isinstance(side, ast.Constant) else bare_word(side)
            if known and word not in known:
                raise ExpressionError(f"there is no {place} “{word}”", f"there are {', '.join(known)}")


def _known_places(moment: Moment, place: str) -> list[str]:
    """The words that a place may be compared with; none where any number will do."""
    if place == "phase":
        return list(Phase)
    if place == "path":
        return [path for path, _ in moment.trainer.modules.named_modules() if path]
    if place == "op":
        tapes = (moment.tape, moment.first_tape())
        return list(dict.fromkeys(event.op.name for tape in tapes if tape is not None for event in tape.events))
    if place == "layer":
        return [str(layer) for layer in range(len(moment.naming.layers) + 1)]
    return []


def _term_may_hold(values: Values, term: ast.expr, reads_parameters: bool) -> bool:
    """Within the batch a parameter was old, then new: a term may hold with either."""
    try:
        if yes_or_no(evaluate_tree(term, values), term):
            return True
        return reads_parameters and yes_or_no(evaluate_tree(term, values.before()), term)
    except NotComputedYetError:
        return True


def _called(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def parameters_read(tree: ast.AST, values: Values) -> set[str]:
    """Full names of the parameters, rather than their gradients, that an expression reads."""
    found = set()
    for node in ast.walk(tree):
        ref = None
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            ref = Ref(ast.unparse(node)) if isinstance(node.slice, ast.Constant) else None
        elif isinstance(node, ast.Name):
            ref = Ref(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            ref = values.ref(node.value)
        name = None if ref is None or ref.is_gradient else values.parameter_name(ref)
        found |= {name} if name else set()
    return found
