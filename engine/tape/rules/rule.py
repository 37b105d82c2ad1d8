"""A rule of one call: what comes out, and the gradient towards each input, as text that can be evaluated.

A text is the right side of an equation in the notation of the course (§5.1). `{self}` is the argument of that name in
the operator's schema: a tensor, or a number, which is written out. `{out}` is what came out, `{dout}` ℒ's gradient
towards it; `.T` transposes the last two dimensions. ∗ is element-wise, · the matrix product, 1[…] is 1 where the
condition holds and 0 elsewhere. Letters below Σ, mean, var say over which dimensions: i is the first, j the second, and
so on (`Σⱼ`, `meanᵢₖₗ`); without letters it is all of them. `formula.py` has the whole grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from torch import Tensor

LETTERS = "ᵢⱼₖₗₘₙ"

Shape = tuple[int, ...]
Index = tuple[int, ...]


class Shaped(Protocol):
    """What is asked of a tensor among the arguments, whose numbers may not be kept."""

    shape: Shape
    dtype: str


@dataclass(frozen=True)
class Call:
    """One call of an operator: its arguments by the schema's names, the shapes that came out, and the tensors.

    `tensor` gives an argument's numbers as they were then, "out" and "out1" what came out, "dout" its gradient; None
    for what was not kept.
    """

    arguments: Mapping[str, Any]
    outs: tuple[Shape, ...]
    tensor: Callable[[str], Tensor | None]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, otherwise: Any = None) -> Any:
        """An argument, if the operator has it and it is not None."""
        found = self.arguments.get(name)
        return otherwise if found is None else found

    def is_tensor(self, name: str) -> bool:
        """Whether the argument is a tensor."""
        return hasattr(self.arguments.get(name), "shape")

    def shape(self, name: str) -> Shape:
        """That of an argument; () for a number."""
        return tuple(getattr(self.arguments.get(name), "shape", ()))

    @property
    def out(self) -> Shape:
        """The shape of what came out first."""
        return self.outs[0]

    def dims(self, of: str, dim: Any) -> tuple[int, ...]:
        """The dimensions that a `dim` argument means, in order, counted from 0; None and [] mean all."""
        n = len(self.shape(of))
        chosen = [dim] if isinstance(dim, int) else list(dim or range(n))
        return tuple(sorted(d % n for d in chosen)) if n else ()


class Shown(NamedTuple):
    """An element worked out: its formula with the numbers in it, what that gives, and the largest number on the way."""

    text: str
    value: float
    largest: float = 0.0


@dataclass(frozen=True)
class Sketch:
    """A rule in words, which no formula of the language says, and how one element of it is worked out."""

    text: str
    at: Callable[[Call, Index], Shown]


@dataclass(frozen=True)
class Side:
    """The right side of an equation, and the shape that it runs over where that is not the result's."""

    text: str
    space: Shape | None = None


Right = str | Side | Sketch


@dataclass(frozen=True)
class Rule:
    """What a call computes.

    `backward` has a right side for each argument that a gradient can go to; "" where there is none to be told. `where`
    defines names that stand in the texts in braces. `align` says which dimensions of the space that of an argument (or
    of "out") are, where they are not the last ones. `given` are tensors that the call implies: a mask. `note` says of
    the arguments what the formula does not.
    """

    forward: Right
    backward: Mapping[str, Right] = field(default_factory=dict)
    where: tuple[tuple[str, str], ...] = ()
    align: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    given: Mapping[str, Tensor] = field(default_factory=dict)
    space: Shape | None = None
    note: str = ""


MakesRule = Callable[[Call], Rule | None]


def letters(dims: tuple[int, ...]) -> str:
    """(0, 2) → ᵢₖ. Raises IndexError past the sixth dimension."""
    return "".join(LETTERS[dim] for dim in dims)


def over(call: Call, of: str, dims: tuple[int, ...]) -> str:
    """The letters of dimensions; none where they are all."""
    return "" if len(dims) == len(call.shape(of)) else letters(dims)
