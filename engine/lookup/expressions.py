"""The one expression language: print, stats, watches, breakpoints, set and plots.

A whitelist over Python's own syntax tree: numbers, names, `+ - * / ** @ %`, comparisons, `and or not`, the functions of
`functions.py`, `[…]` with indices and slices that count from 1 and include both ends, `.T`, and `f(*)`.
The course's signs are understood too: `z₃[5](6123)`, `dW[1]·A[0]ᵀ`, `∗`, `−`, `ℒ`, `η`, ∂W[1].
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from engine.errors import ExpressionError
from engine.lookup.bounds import Budget, check_depth, written
from engine.lookup.functions import FUNCTIONS, Function, everywhere, state_function
from engine.lookup.names import BARE, INDEXED, Ref
from engine.lookup.values import Values
from engine.lookup.words import ALIASES, nearest, quoted, split_quotes

_LONGEST = 1000  # characters
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SIGNS = {
    "∗": "*",
    "−": "-",
    "·": "@",
    "ᵀ": ".T",
    "ℒ": "L",
    "η": "learning_rate",
    "γ": "gamma",
    "β": "beta",
    "∂_": "d",
    "∂": "d",
}
_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ADDRESS = re.compile(r"\b(d?)([xzawb])([₀-₉]+)(?:[,،]([₀-₉]+))?\[(\d+)\](?:\((\d+)\))?")
_SYMBOL = re.compile(rf"(?:{'|'.join(INDEXED)})\[\d+\]")
_PATH = re.compile(r"\bpath\s*([=!]=)\s*([\w.]+)")  # of a module: layer1.0.conv1
_ALL = "__everywhere__"


def parse(
    text: str, is_named: Callable[[str], bool], row_of: Callable[[int], int] = lambda example: example
) -> ast.expr:
    """The syntax tree of an expression, in which `is_named` tells what something in the run is called.

    `row_of` says in which row of the batch an example of the data set stands, both from 1.

    Raises ExpressionError, naming the place that is wrong.
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"the expression is {len(text)} characters long", f"the most is {_LONGEST}")
    source = _plain(text, is_named, row_of)
    try:
        return _read(source.strip())
    except SyntaxError as error:
        where = (error.text or source)[max(0, (error.offset or 1) - 1) :].strip() or "the end"
        raise ExpressionError(f"“{text}” does not read: stuck at “{where[:20]}”", "see help print") from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError("the expression is too deeply nested, or has a zero byte", "shorten it") from None


@lru_cache(maxsize=256)  # a pane asks for the same at each frame
def _read(source: str) -> ast.expr:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's advice on how to write Python
        tree = ast.parse(source, mode="eval").body
    check_depth(tree)
    return tree


def evaluate(text: str, values: Values) -> Any:
    """The value of an expression at the cursor: a number, a truth value, a string or a Tensor.

    Raises ExpressionError or NotComputedYetError, naming the word that is wrong and those nearest to it.
    """
    return evaluate_tree(parse(text, values.is_named, values.row_of), values)


def evaluate_tree(tree: ast.expr, values: Values) -> Any:
    """The same for an expression that is parsed already."""
    try:
        value = _Evaluator(values).visit(tree)
        return values.get(value) if isinstance(value, Ref) else value
    except (ArithmeticError, ValueError, TypeError, RuntimeError, MemoryError) as error:  # none ends a run
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ExpressionError(f"“{written(tree)}” cannot be computed: {reason}", "check its numbers") from None


def _plain(text: str, is_named: Callable[[str], bool], row_of: Callable[[int], int]) -> str:
    if _SYMBOL.fullmatch(text):
        return text  # W[1] reads as it is
    text = _PATH.sub(r"path \1 '\2'", text)
    pieces = split_quotes(quoted(text, is_named))
    return "".join(piece if piece[:1] in ("'", '"') else _in_signs(piece, row_of) for piece in pieces)


def _in_signs(text: str, row_of: Callable[[int], int]) -> str:
    text = _ADDRESS.sub(lambda match: _address(match, row_of), text)
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    return re.sub(r"\(\s*\*\s*\)", f"({_ALL})", text)


def _address(match: re.Match[str], row_of: Callable[[int], int]) -> str:
    """z₃[5](6123) → Z[5][row,3]; w₃,₅[1] → W[1][3,5]; b₃[1] → b[1][3] (course §5.1)."""
    gradient, symbol, first, second, layer, example = match.groups()
    row = row_of(int(example)) if example else 1
    first, second = first.translate(_DIGITS), (second or "").translate(_DIGITS)
    if symbol == "x":
        return f"X[{row},{first}]"
    if symbol in "za":
        return f"{gradient}{symbol.upper()}[{layer}][{row},{first}]"
    return f"{gradient}W[{layer}][{first},{second or 1}]" if symbol == "w" else f"{gradient}b[{layer}][{first}]"


class _Evaluator(ast.NodeVisitor):
    """Walks the tree; whatever it does not know is refused."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._budget = Budget()

    def visit(self, node: ast.AST) -> Any:
        method = _VISITS.get(type(node))
        if method is None:
            raise ExpressionError(
                f"“{written(node)}” is not part of the language",
                "use numbers, names, + - * / ** @ %, and functions",
            )
        return method(self, node)

    def _value(self, node: ast.AST) -> Any:
        value = self.visit(node)
        return self._values.get(value) if isinstance(value, Ref) else value

    def _operand(self, node: ast.AST) -> Any:
        """A value to compute with: words can only be compared."""
        value = self._value(node)
        if isinstance(value, str):
            raise ExpressionError(f"“{value:.40}” is a word, not a number", "a word can be compared: phase == backward")
        return value

    def _compute(self, function: Callable[..., Any], node: ast.AST, *operands: Any) -> Any:
        """Compute with numbers and tensors, within bounds. Raises ExpressionError where they do not fit."""
        tensors = [operand for operand in operands if isinstance(operand, Tensor)]
        try:
            if not tensors:  # a watch on plain numbers is asked after every batch of a run
                return _real(function(*operands))
            self._budget.spend(node, tensors)
            with torch.no_grad():
                return function(*operands)
        except (RuntimeError, TypeError, IndexError, ValueError) as error:
            shapes = " and ".join(_shape(o) if isinstance(o, Tensor) else f"{o!s:.40}" for o in operands)
            reason = str(error).partition("\n")[0]
            raise ExpressionError(f"“{written(node)}” does not fit: {shapes}", reason) from None

    def visit_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, str):
            return self._values.ref(node.value) or node.value
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise ExpressionError(f"“{node.value!r}” is not a number", "use numbers and names")
        return node.value if isinstance(node.value, float) or abs(node.value) < 2**53 else float(node.value)

    def visit_Name(self, node: ast.Name) -> Any:
        name = ALIASES.get(node.id, node.id)
        if name in self._values.scalars:
            return self._scalar(name)
        if name in BARE or name in self._values.naming.layer_of or name.removeprefix("d") in BARE:
            return Ref(name)
        if name in ("inf", "nan"):
            return float(name)
        if ref := self._values.ref(name):
            return ref
        if name in INDEXED:
            raise ExpressionError(f"{name} needs a layer", f"for example {name}[1]")
        if name in FUNCTIONS:
            raise ExpressionError(f"{name} is a function", f"for example {name}(W[1])")
        raise ExpressionError(f"there is no “{name}”", nearest(name, [*self._values.names(), *FUNCTIONS]))

    def _scalar(self, name: str) -> Any:
        value = self._values.scalars[name]()
        if value is None:
            self._values.explain_scalar(name)
        return value

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return not yes_or_no(self._value(node.operand), node.operand)
        value = self._operand(node.operand)
        if isinstance(node.op, ast.USub):
            return self._compute(operator.neg, node, value)
        if isinstance(node.op, ast.UAdd):
            return value
        raise ExpressionError(f"“{written(node)}” is not part of the language", "use - or not")

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        if type(node.op) not in _BINARY:
            raise ExpressionError(f"“{written(node)}” is not part of the language", "operators are + - * / ** @ %")
        left, right = self._operand(node.left), self._operand(node.right)
        if isinstance(node.op, ast.Pow) and not isinstance(left, Tensor):
            left = float(left)  # whole numbers would grow without bound
        return self._compute(_BINARY[type(node.op)], node, left, right)

    def visit_Compare(self, node: ast.Compare) -> Any:
        left = self._word_or_value(node.left)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self._word_or_value(right_node, beside=left)
            if type(op) not in _COMPARE:
                raise ExpressionError(f"“{written(node)}” is not part of the language", "compare with < <= > >= == !=")
            if isinstance(left, str) != isinstance(right, str):
                raise ExpressionError(
                    f"“{written(node)}” compares a word with a number", "phase, op and path are words"
                )
            holds = self._compute(_COMPARE[type(op)], node, left, right)
            if not yes_or_no(holds, node):
                return False
            left = right
        return True

    def _word_or_value(self, node: ast.AST, beside: Any = None) -> Any:
        """A bare word beside a phase, operation or module is that word: `op == relu`."""
        if isinstance(beside, str):
            return node.value if isinstance(node, ast.Constant) else bare_word(node)
        return self._value(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> bool:
        stop = isinstance(node.op, ast.Or)
        for part in node.values:
            if yes_or_no(self._value(part), part) is stop:
                return stop
        return not stop

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if node.attr != "T":
            name = written(node)
            if name.replace(".", "").isidentifier():
                raise ExpressionError(f"there is no {name}", nearest(name, self._values.names()))
            raise ExpressionError(f"“.{node.attr}” is not part of the language", "the only attribute is .T")
        value = self._value(node.value)
        return value.transpose(-1, -2) if isinstance(value, Tensor) and value.dim() > 1 else value

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id in INDEXED and not self._is_parameter(node.value.id):
            if not isinstance(node.slice, ast.Constant) or not isinstance(node.slice.value, int):
                raise ExpressionError(f"“{written(node)}” needs a layer's number", f"for example {node.value.id}[1]")
            return Ref(f"{node.value.id}[{node.slice.value}]")
        if isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Name | ast.Constant | ast.Attribute):
            named = f"{node.value.id}[{written(node.slice)}]"  # learning_rate[head]
            if named in self._values.scalars:
                return self._scalar(named)
        value = self._value(node.value)
        if not isinstance(value, Tensor):
            raise ExpressionError(f"“{written(node.value)}” is one number", "leave the index away")
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return self._element(value, parts, node.value)

    def _is_parameter(self, name: str) -> bool:
        """Whether a parameter is called as a symbol is, or this is the gradient of one."""
        parameters = self._values.naming.layer_of
        return name in parameters or name.removeprefix("d") in parameters

    def _element(self, tensor: Tensor, parts: list[ast.expr], of: ast.AST) -> Tensor:
        if len(parts) > tensor.dim():
            raise ExpressionError(
                f"{written(of)} has {tensor.dim()} dimensions, not {len(parts)}", f"its shape is {_shape(tensor)}"
            )
        index = tuple(self._index(part, size, of, tensor) for part, size in zip(parts, tensor.shape, strict=False))
        return tensor[index]

    def _index(self, part: ast.expr, size: int, of: ast.AST, tensor: Tensor) -> int | slice:
        if isinstance(part, ast.Slice):
            if part.step is not None:
                raise ExpressionError("slices have no step", f"for example {written(of)}[1:3]")
            first = self._place(part.lower, size, of, tensor) if part.lower else 1
            last = self._place(part.upper, size, of, tensor) if part.upper else size
            return slice(first - 1, last)
        return self._place(part, size, of, tensor) - 1

    def _place(self, node: ast.AST, size: int, of: ast.AST, tensor: Tensor) -> int:
        value = self._value(node)
        value = int(value) if isinstance(value, Tensor) and value.numel() == 1 else value
        if not isinstance(value, int) or not 1 <= value <= size:
            raise ExpressionError(
                f"there is no place {written(node)} in {written(of)}",
                f"its shape is {_shape(tensor)}, and places count from 1",
            )
        return value

    def visit_Call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else written(node.func)
        function = self._function(name)
        if node.keywords or len(node.args) != 1:
            raise ExpressionError(f"{name} takes one value", f"for example {name}(W[1])")
        argument = node.args[0]
        if isinstance(argument, ast.Name) and argument.id == _ALL:
            return everywhere(name, self._values)
        if name == "changed":
            return self._changed(argument)
        if function.on_name:
            ref = self.visit(argument)
            if not isinstance(ref, Ref):
                raise ExpressionError(f"{name} needs a name, not {written(argument)}", f"for example {name}(W[1])")
            return function.compute(self._values, ref)
        return self._compute(function.compute, node, self._operand(argument))

    def _changed(self, argument: ast.expr) -> bool:
        """Whether parameters in an expression give another value than before this batch."""
        now, before = self._value(argument), _Evaluator(self._values.before())._value(argument)
        if isinstance(now, str):
            raise ExpressionError(f"changed needs a parameter, not {written(argument)}", "for example changed(W[1])")
        return not torch.equal(torch.as_tensor(now), torch.as_tensor(before))

    def _function(self, name: str) -> Function:
        if name in FUNCTIONS:
            return FUNCTIONS[name]
        symbols = optimizer_symbols(self._values)
        if name in symbols:
            return state_function(name)
        raise ExpressionError(f"there is no function “{name}”", nearest(name, [*FUNCTIONS, *symbols]))


_VISITS: dict[type[ast.AST], Callable[[_Evaluator, Any], Any]] = {
    getattr(ast, name.removeprefix("visit_")): method
    for name, method in vars(_Evaluator).items()
    if name.startswith("visit_")
}


def optimizer_symbols(values: Values) -> list[str]:
    """The names of the optimizers' state, as functions of a parameter."""
    from engine.experiments.optimizers import spec_of

    found: list[str] = []
    for name, optimizer in values.optimizers.items():
        spec = spec_of(optimizer)
        if spec is None:
            keys = {key for state in values.optimizer_states().get(name, {}).values() for key in state}
            found += sorted(key for key in keys if key.isidentifier())
        else:
            found += [symbol.ascii for symbol in spec.symbols.values()]
    return list(dict.fromkeys(found))


def _real(value: Any) -> Any:
    if isinstance(value, complex):
        raise ValueError("no real number is its value")
    return value


def bare_word(node: ast.AST) -> str:
    """A word with hyphens, which Python reads as a difference: log-softmax."""
    return ast.unparse(node).replace(" - ", "-").replace(" ", "")


def yes_or_no(value: Any, node: ast.AST) -> bool:
    """A condition's value as true or false. Raises ExpressionError where it is neither."""
    if isinstance(value, str):
        raise ExpressionError(f"“{value:.40}” is a word, not a condition", f"compare it: {written(node)} == …")
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ExpressionError(
            f"“{written(node)}” has {value.numel()} answers", "take max(…), min(…) or norm(…) of the tensor first"
        )
    return bool(value)


def _shape(tensor: Tensor) -> str:
    return "×".join(str(size) for size in tensor.shape) or "one number"
