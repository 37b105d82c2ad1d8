"""A learner's formula, read safely: a whitelist over Python's syntax tree, with shapes that are explained.

Numbers, the names that the question knows, `+ - * / ** @`, `> < >= <=`, `.T`, and a few functions of one value. The
course's signs are understood: `∂_Z[2]·W[2] ∗ A[1] ∗ (1 − A[1])`. Nothing else is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from engine.errors import ExpressionError

LONGEST = 300
DEEPEST = 40
_LARGEST_POWER = 8.0

_SIGNS = (
    ("∂ℒ/∂", "d"),
    ("∂L/∂", "d"),
    ("∂_", "d"),
    ("∂", "d"),
    ("mean₀", "mean0"),
    ("sum₀", "sum0"),
    ("Ŷ", "Yhat"),
    ("ŷ", "yhat"),
    ("σ′", "dsigmoid"),
    ("σ", "sigmoid"),
    ("Σ₀", "sum0"),
    ("Σ", "sum"),
    ("ᵀ", ".T"),
    ("²", "**2"),
    ("½", "0.5"),
    ("∗", "*"),
    ("⊙", "*"),
    ("×", "*"),
    ("−", "-"),
    ("·", "@"),
    ("≥", ">="),
    ("≤", "<="),
    ("^", "**"),
)  # fmt: skip
_SCALED = re.compile(r"(\(1/N\)|1/N|\b[\d.]+)\s*@")  # (1/N)·… is a number times a matrix

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": torch.sum,
    "mean": torch.mean,
    "sum0": lambda t: t.sum(0),
    "mean0": lambda t: t.mean(0),
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "sigmoid": torch.sigmoid,
    "dsigmoid": lambda t: torch.sigmoid(t) * (1 - torch.sigmoid(t)),
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softmax": lambda t: torch.softmax(t, -1),
}
_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}
_COMPARE: dict[type[ast.cmpop], Callable[[Tensor, Tensor], Tensor]] = {
    ast.Gt: torch.gt,
    ast.Lt: torch.lt,
    ast.GtE: torch.ge,
    ast.LtE: torch.le,
}


def plain(text: str) -> str:
    """The formula with the course's signs as Python's."""
    text = re.sub(r"\^T\b", ".T", text)
    for sign, twin in _SIGNS:
        text = text.replace(sign, twin)
    return _SCALED.sub(lambda match: f"{match.group(1)} *", text)


def parse(text: str) -> ast.expr:
    """The syntax tree. Raises ExpressionError naming the place that does not read."""
    if len(text) > LONGEST:
        raise ExpressionError(f"the formula is {len(text)} characters long", f"the most is {LONGEST}")
    source = plain(text).strip()
    if not source:
        raise ExpressionError("there is no formula", "write for example A[2] - Y")
    if not source.isascii():
        strange = next(character for character in source if not character.isascii())
        raise ExpressionError(f"“{strange}” is not part of the language", "write it in letters: dZ[2], sigmoid, .T")
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        where = (error.text or source)[max(0, (error.offset or 1) - 1) :].strip() or "the end"
        raise ExpressionError(
            f"“{text}” does not read: stuck at “{where[:20]}”", "check brackets and operators"
        ) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError("the formula is too deeply nested, or has a zero byte", "shorten it") from None
    if _depth(tree) > DEEPEST:
        raise ExpressionError("the formula is too deeply nested", "shorten it")
    return tree


def _depth(tree: ast.AST) -> int:
    """How deep the tree is, counted without recursion."""
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


class Evaluator:
    """Computes a formula with these values; `sizes` names sizes, 3 → "n_2", so that shapes are told as letters."""

    def __init__(self, values: Mapping[str, Tensor], sizes: Mapping[int, str]) -> None:
        self._values = values
        self._sizes = sizes

    def shape(self, tensor: Tensor) -> str:
        """A shape in the sizes' names: "N × n_2"."""
        if tensor.dim() == 0:
            return "one number"
        return " × ".join(self._sizes.get(size, str(size)) for size in tensor.shape)

    def visit(self, node: ast.AST) -> Tensor:
        """The value of a node. Raises ExpressionError for what is not in the language, or does not fit."""
        match node:
            case ast.Constant(value=value):
                return self._number(value)
            case ast.Name(id=name):
                return self._name(name)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int() as layer)):
                return self._name(f"{name}[{layer}]")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.visit(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.visit(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self._binary(_BINARY[type(op)], left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                a, b = self.visit(left), self.visit(right)
                self._check_broadcast(">", left, a, right, b)
                return _COMPARE[type(op)](a, b).to(torch.float64)
            case ast.Attribute(value=value, attr="T"):
                tensor = self.visit(value)
                return tensor.T if tensor.dim() == 2 else tensor
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                return self._call(name, argument)
            case ast.Call(func=function, args=[_]) if not isinstance(function, ast.Name) or function.id in self._values:
                before = ast.unparse(function)[:20]
                raise ExpressionError(
                    f"between “{before}” and the bracket an operator is missing",
                    f"write {before} * (…) element by element, or {before} @ (…) for the matrix product",
                )
        raise ExpressionError(
            f"“{ast.unparse(node)[:40]}” is not part of the language",
            f"use the names, numbers, + - * / ** @ .T and {', '.join(FUNCTIONS)}",
        )

    def _number(self, value: object) -> Tensor:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e9:
            raise ExpressionError(f"“{value!r:.20}” is not a number that belongs here", "use numbers like 0.5 or 2")
        return torch.tensor(float(value), dtype=torch.float64)

    def _name(self, name: str) -> Tensor:
        if name in self._values:
            return self._values[name]
        if name in FUNCTIONS:
            raise ExpressionError(f"{name} is a function", f"for example {name}(Z[1])")
        alike = [known for known in self._values if _bare(known) == _bare(name)]
        did = f"did you mean {alike[0]}? " if alike else ""
        raise ExpressionError(f"there is no “{name}” here", f"{did}there are {', '.join(self._values)}")

    def _call(self, name: str, argument: ast.expr) -> Tensor:
        value = self.visit(argument)
        if value.dim() == 0 and name in ("sum0", "mean0", "softmax"):
            raise ExpressionError(f"{name} needs rows: {ast.unparse(argument)} is one number", "give it a matrix")
        return FUNCTIONS[name](value)

    def _binary(self, sign: str, left: ast.expr, right: ast.expr) -> Tensor:
        a, b = self.visit(left), self.visit(right)
        if sign == "@":
            return self._product(left, a, right, b)
        if sign == "**":
            if b.dim() or abs(float(b)) > _LARGEST_POWER:
                raise ExpressionError(f"the power {ast.unparse(right)} is not a small number", "use for example ** 2")
            return a**b
        self._check_broadcast(sign, left, a, right, b)
        return a + b if sign == "+" else a - b if sign == "-" else a * b if sign == "*" else a / b

    def _product(self, left: ast.expr, a: Tensor, right: ast.expr, b: Tensor) -> Tensor:
        if a.dim() == 0 or b.dim() == 0:
            return a * b
        if a.shape[-1] != b.shape[0]:
            one, two = course(left), course(right)
            inner, other = (self._sizes.get(size, str(size)) for size in (a.shape[-1], b.shape[0]))
            hint = self._suggestion(one, a, two, b)
            raise ExpressionError(
                f"{one} is ({self.shape(a)}) and {two} is ({self.shape(b)}): inner sizes {inner} and {other} differ",
                hint,
            )
        return a @ b

    def _suggestion(self, one: str, a: Tensor, two: str, b: Tensor) -> str:
        if b.dim() == 2 and a.shape[-1] == b.shape[1]:
            bare = two.removesuffix("ᵀ")
            return f"{bare} {'without' if two.endswith('ᵀ') else 'with'} ᵀ would fit"
        if a.dim() == 2 and a.shape[0] == b.shape[0]:
            bare = one.removesuffix("ᵀ")
            return f"{bare} {'without' if one.endswith('ᵀ') else 'with'} ᵀ would fit"
        if a.shape == b.shape:
            return "they have one shape: ∗ multiplies element by element"
        return "the last size of the left must be the first of the right"

    def _check_broadcast(self, sign: str, left: ast.expr, a: Tensor, right: ast.expr, b: Tensor) -> None:
        """Element by element wants equal shapes, a number, or a row beside a matrix; more would be silent nonsense."""
        if a.shape == b.shape or a.dim() == 0 or b.dim() == 0:
            return
        small, large = (a, b) if a.dim() < b.dim() else (b, a)
        if small.dim() == 1 and large.dim() == 2 and small.shape[0] == large.shape[1]:
            return
        hint = ""
        if a.dim() == b.dim() == 2 and a.shape == b.T.shape and sign != "*":
            hint = "one of them wants ᵀ (typed .T)"
        elif a.dim() == b.dim() == 2 and a.shape[-1] == b.shape[0] and sign == "*":
            hint = "· (typed @) is the matrix product"
        written = {"*": "∗", "-": "−"}.get(sign, sign)
        one, two = f"{course(left)} is ({self.shape(a)})", f"{course(right)} is ({self.shape(b)})"
        raise ExpressionError(
            f"{one} and {two}: {written} goes element by element",
            hint or "the shapes must be the same",
        )


def course(node: ast.expr) -> str:
    """A piece of a formula in the course's signs."""
    text = ast.unparse(node)
    text = re.sub(r"\bd(Z\[\d+\])", r"∂_\1", text)
    text = re.sub(r"\bd([AWb]\[\d+\])", r"∂ℒ/∂\1", text)
    return text.replace(".T", "ᵀ").replace(" * ", " ∗ ").replace(" - ", " − ").replace(" @ ", "·")


def _bare(name: str) -> str:
    """A name without brackets and case, as it may be typed: A2 for A[2], x for X."""
    return name.replace("[", "").replace("]", "").lower()
