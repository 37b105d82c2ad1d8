"""A rule at one element, in float64: its value, and its text with the numbers in place of the names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.tape.rules.formula import (
    Applied,
    Binary,
    Choice,
    Condition,
    Indicator,
    Negative,
    Node,
    Number,
    Power,
    Reduced,
    Slot,
    parse,
)
from engine.tape.rules.numbers import argument, bracketed, joined, number
from engine.tape.rules.rule import Call, Index, Right, Rule, Side, Sketch

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log2": torch.log2,
    "log10": torch.log10,
    "log1p": torch.log1p,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "sign": torch.sign,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "max": lambda a, b: torch.maximum(*torch.broadcast_tensors(a, b)),
    "min": lambda a, b: torch.minimum(*torch.broadcast_tensors(a, b)),
    "σ": torch.sigmoid,
    "Φ": lambda x: (1 + torch.erf(x / 2**0.5)) / 2,  # of the standard normal distribution: up to x
    "φ": lambda x: torch.exp(-x * x / 2) / (2 * torch.pi) ** 0.5,  # its density
    "√": torch.sqrt,
    "|": torch.abs,
    "(": lambda x: x,
}
_COMPARE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "<": torch.lt,
    "≤": torch.le,
    ">": torch.gt,
    "≥": torch.ge,
    "=": torch.eq,
    "≠": torch.ne,
}
_SHOWN = 3  # terms of a sum
_WHOLE = slice(None)
Box = tuple[slice, ...]  # what is wanted of the space, a slice for each dimension


class MissingError(LookupError):
    """Numbers that the tape does not keep."""


@dataclass(frozen=True)
class Worked:
    """One element of a result: the text with its numbers, lines for sums and names, and the value."""

    text: str
    value: float
    lines: list[str] = field(default_factory=list)
    largest: float = 0.0  # of all numbers on the way: what rounding is to be measured by


def work_out(rule: Rule, call: Call, result: str, right: Right, index: Index) -> Worked:
    """One element of `result` ("out", or the argument that a gradient goes to), of which `right` is the rule.

    Raises MissingError where the tape does not hold what is read.
    """
    if isinstance(right, Sketch):
        shown = right.at(call, index)
        return Worked(shown.text, shown.value, [], shown.largest)
    side = right if isinstance(right, Side) else Side(right)
    space = side.space or rule.space or call.out
    shape = call.out if result == "out" else call.shape(result)
    evaluation = Evaluation(rule, call, space)
    box = evaluation.box(result, shape, index)
    tree = parse(side.text)
    value = float(evaluation.at(tree, box))
    text = evaluation.filled(tree, box)
    return Worked(text, value, evaluation.lines(tree, box), evaluation.largest)


class Evaluation:
    """The trees of one rule, evaluated where a box of the space says."""

    def __init__(self, rule: Rule, call: Call, space: tuple[int, ...]) -> None:
        self._rule, self._call, self._space = rule, call, space
        self._where = {name: parse(text) for name, text in rule.where}
        self._tensors: dict[str, Tensor] = {}
        self._inside = 0  # products of matrices, within which a row is as long as its matrix says
        self.largest = 0.0

    def box(self, name: str, shape: tuple[int, ...], index: Index) -> Box:
        """Where in the space one element of a result is; what the result has not is at its first place."""
        box = [slice(0, 1)] * len(self._space)
        for dim, at in zip(self._dims(name, len(shape)), index, strict=True):
            box[dim] = slice(at, at + 1)
        return tuple(box)

    def _dims(self, name: str, n: int) -> tuple[int, ...]:
        last = tuple(range(len(self._space) - n, len(self._space)))
        return self._rule.align.get("out" if name == "dout" else name, last)

    # ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def at(self, node: Node, box: Box) -> Tensor:
        """The value of a tree there, with as many dimensions as the space; a number has none."""
        found = self._value(node, box)
        if found.numel():
            self.largest = max(self.largest, float(found.abs().max().nan_to_num(0.0, 0.0)))
        return found

    def _value(self, node: Node, box: Box) -> Tensor:
        match node:
            case Number():
                return torch.tensor(node.value, dtype=torch.float64)
            case Slot():
                return self._slot(node, box)
            case Negative():
                return -self.at(node.of, box)
            case Binary():
                return self._binary(node, box)
            case Power():
                return torch.pow(self.at(node.base, box), self.at(node.exponent, box))
            case Applied():
                return FUNCTIONS[node.function](*(self.at(each, box) for each in node.arguments))
            case Reduced():
                return self._reduced(node, box)
            case Indicator():
                return self._holds(node.condition, box).double()
            case Choice():
                return torch.where(self._holds(node.condition, box), self.at(node.yes, box), self.at(node.no, box))

    def _binary(self, node: Binary, box: Box) -> Tensor:
        if self.is_product(node):
            left, right = self.factors(node, box)
            self.largest = max(self.largest, float((left.abs() @ right.abs()).max().nan_to_num(0.0, 0.0)))
            return left @ right
        left, right = self.at(node.left, box), self.at(node.right, box)
        if node.sign == "+":
            return left + right
        if node.sign == "−":
            return left - right
        return left / right if node.sign == "/" else left * right

    def is_product(self, node: Node) -> bool:
        """Whether a tree is a product of matrices: · with a number on one side only multiplies."""
        return (
            isinstance(node, Binary)
            and node.sign == "·"
            and not self._is_number(node.left)
            and not self._is_number(node.right)
        )

    def _is_number(self, node: Node) -> bool:
        if isinstance(node, Slot):
            return node.name in self._call.arguments and not self._call.is_tensor(node.name)
        if isinstance(node, Negative):
            return self._is_number(node.of)
        if isinstance(node, Applied):
            return all(map(self._is_number, node.arguments))
        if isinstance(node, Binary):
            return self._is_number(node.left) and self._is_number(node.right)
        return isinstance(node, Number)

    def factors(self, node: Binary, box: Box) -> tuple[Tensor, Tensor]:
        """The rows and the columns that a product of matrices is made of."""
        self._inside += 1
        found = self.at(node.left, (*box[:-1], _WHOLE)), self.at(node.right, (*box[:-2], _WHOLE, box[-1]))
        self._inside -= 1
        return found

    def reduced_terms(self, node: Reduced, box: Box) -> tuple[Tensor, tuple[int, ...]]:
        """What a sum or mean is taken of, and over which dimensions."""
        dims = tuple(range(len(self._space))) if node.dims is None else node.dims
        inner = tuple(_WHOLE if dim in dims else each for dim, each in enumerate(box))
        found = self.at(node.of, inner)
        if found.dim() == 0:
            found = found.reshape((1,) * len(self._space))
        sizes = [self._space[dim] if dim in dims and size == 1 else size for dim, size in enumerate(found.shape)]
        return (found if self._inside else found.expand(sizes)), dims

    def _reduced(self, node: Reduced, box: Box) -> Tensor:
        terms, dims = self.reduced_terms(node, box)
        if not dims:
            return terms if node.kind != "var" else terms * 0
        if node.kind == "var":
            return terms.var(dims, correction=0, keepdim=True)
        if node.kind in ("max", "min"):
            return terms.amax(dims, keepdim=True) if node.kind == "max" else terms.amin(dims, keepdim=True)
        if terms.numel():
            self.largest = max(self.largest, float(terms.abs().sum(dims).max().nan_to_num(0.0, 0.0)))
        return terms.sum(dims, keepdim=True) if node.kind == "Σ" else terms.mean(dims, keepdim=True)

    def _holds(self, condition: Condition, box: Box) -> Tensor:
        values = [self.at(part, box) for part in condition.parts]
        pairs = zip(condition.signs, values[:-1], values[1:], strict=True)
        found = torch.tensor(True) if condition.signs else values[0] != 0
        for sign, left, right in pairs:
            found = found & _COMPARE[sign](left, right)
        return found if condition.also is None else found & self._holds(condition.also, box)

    def _slot(self, slot: Slot, box: Box) -> Tensor:
        if slot.transposed:
            turned = (*box[:-2], box[-1], box[-2])
            return self._slot(Slot(slot.name), turned).transpose(-1, -2)
        if slot.name in self._where:
            return self.at(self._where[slot.name], box)
        if slot.name in self._call.arguments and not self._call.is_tensor(slot.name):
            return torch.tensor(float(self._call[slot.name]), dtype=torch.float64)
        return self._part(slot.name, self._numbers(slot.name), box)

    def _numbers(self, name: str) -> Tensor:
        if name not in self._tensors:
            found = self._rule.given.get(name)
            found = self._call.tensor(name) if found is None else found
            if found is None or found.is_complex() or found.layout is not torch.strided:
                raise MissingError(name)
            self._tensors[name] = found
        return self._tensors[name]

    def _part(self, name: str, tensor: Tensor, box: Box) -> Tensor:
        """What the box is of a tensor, laid out in the space's dimensions."""
        dims = self._dims(name, tensor.dim())
        shape = [1] * len(self._space)
        for own, dim in enumerate(dims):
            part = box[dim] if tensor.shape[own] != 1 else slice(0, 1)
            tensor = tensor.narrow(own, *_span(part, tensor.shape[own]))
            shape[dim] = tensor.shape[own]
        return tensor.reshape(shape).double()

    # ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def filled(self, node: Node, box: Box, behind: bool = False) -> str:
        """The tree as text, with numbers for names, sums and products; `behind` a sign a negative one has brackets."""
        match node:
            case Number():
                return node.text
            case Slot():
                written = node.name in self._call.arguments and not self._call.is_tensor(node.name)
                text = argument(self._call[node.name]) if written else number(float(self.at(node, box)))
                return bracketed(text) if behind else text
            case Reduced():
                text = number(float(self.at(node, box)))
                return bracketed(text) if behind else text
            case Negative():
                return f"−{self.filled(node.of, box, behind=True)}"
            case Binary():
                return self._filled_binary(node, box, behind)
            case Power():
                exponent = node.text or f"^{self.filled(node.exponent, box, behind=True)}"
                return f"{self.filled(node.base, box, behind=True)}{exponent}"
            case Applied():
                return self._filled_call(node, box)
            case Indicator():
                return f"1[{self._filled_condition(node.condition, box)}]"
            case Choice():
                condition = self._filled_condition(node.condition, box)
                yes, no = self.filled(node.yes, box), self.filled(node.no, box)
                return f"{yes} if {condition} else {no}"

    def _filled_binary(self, node: Binary, box: Box, behind: bool) -> str:
        if self.is_product(node):
            text = number(float(self.at(node, box)))
            return bracketed(text) if behind else text
        left, right = self.filled(node.left, box, behind), self.filled(node.right, box, behind=True)
        between = node.sign if node.sign == "·" else f" {node.sign} "
        return f"{left}{between}{right}"

    def _filled_call(self, node: Applied, box: Box) -> str:
        inside = ", ".join(self.filled(each, box) for each in node.arguments)
        if node.function == "|":
            return f"|{inside}|"
        if node.function == "√":
            return f"√{inside}"
        return f"({inside})" if node.function == "(" else f"{node.function}({inside})"

    def _filled_condition(self, condition: Condition, box: Box) -> str:
        text = self.filled(condition.parts[0], box)
        for sign, part in zip(condition.signs, condition.parts[1:], strict=True):
            text += f" {sign} {self.filled(part, box)}"
        return text if condition.also is None else f"{text} and {self._filled_condition(condition.also, box)}"

    def lines(self, tree: Node, box: Box) -> list[str]:
        """What the names, sums and products of a tree are at this element."""
        found: dict[str, None] = {}
        self._collect(tree, box, found)
        return list(found)

    def _collect(self, node: Node, box: Box, found: dict[str, None]) -> None:
        if isinstance(node, Slot) and node.name in self._where and not node.transposed:
            inner = self._where[node.name]
            self._collect(inner, box, found)
            found[f"{node.name} = {self.filled(inner, box)} = {number(float(self.at(node, box)))}"] = None
        elif isinstance(node, Reduced):
            found[self._of_reduced(node, box)] = None
        elif isinstance(node, Binary) and self.is_product(node):
            found[self._of_product(node, box)] = None
        else:
            for child in _children(node):
                self._collect(child, box, found)

    def _of_reduced(self, node: Reduced, box: Box) -> str:
        terms, _ = self.reduced_terms(node, box)
        first = [number(float(each)) for each in terms.reshape(-1)[largest(terms.reshape(-1))]]
        total = number(float(self.at(node, box)))
        if node.kind == "Σ":
            return f"{node.sign}: {joined(first, terms.numel())} = {total}, {_terms(terms.numel())}"
        return f"{node.sign}: {total}, of {', '.join(first)}{' …' if terms.numel() > len(first) else ''}, " + _terms(
            terms.numel()
        )

    def _of_product(self, node: Binary, box: Box) -> str:
        left, right = (factor.reshape(-1) for factor in self.factors(node, box))
        return f"·: {products(left, right)} = {number(float(self.at(node, box)))}, {_terms(left.numel(), 'products')}"


def products(left: Tensor, right: Tensor) -> str:
    """The largest products of a sum of them, as they follow: 0.5·1.2 + 0.3·(−2) + …"""
    chosen = largest(left * right)
    pairs = zip(left[chosen].tolist(), right[chosen].tolist(), strict=True)
    return joined([f"{number(a)}·{bracketed(number(b))}" for a, b in pairs], left.numel())


def largest(terms: Tensor) -> Tensor:
    """The places of the few largest terms, in order."""
    sizes = terms.abs().nan_to_num(torch.inf)
    return sizes.topk(min(_SHOWN, sizes.numel())).indices.sort().values


def _terms(count: int, what: str = "terms") -> str:
    return f"{count} {what}" if count != 1 else f"1 {what[:-1]}"


def _span(part: slice, size: int) -> tuple[int, int]:
    start, stop, _ = part.indices(size)
    return start, stop - start


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Negative():
            return (node.of,)
        case Binary():
            return node.left, node.right
        case Power():
            return node.base, node.exponent
        case Applied():
            return node.arguments
        case Indicator():
            return node.condition.parts
        case Choice():
            return *node.condition.parts, node.yes, node.no
    return ()
