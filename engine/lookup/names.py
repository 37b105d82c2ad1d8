"""What a value is called, before it is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from engine.tape.cells import SYMBOLS as OF_CELLS
from engine.tape.naming import SAID

_LOWER = ("b[", "gamma[", "beta[", "out[")
SYMBOLS = ("W", "b", "Z", "A", "N", "D", "gamma", "beta")
_NAMED = tuple(dict.fromkeys((*SYMBOLS, *OF_CELLS, *SAID)))
INDEXED = (*_NAMED, *(f"d{symbol}" for symbol in _NAMED), "out", "dout")
BARE = ("X", "Y", "L")


@dataclass(frozen=True)
class Ref:
    """A name that has not been looked up yet: "W[1]", "dZ[2]", "A[0]", "out[12]", "layer1.0.conv1.weight".

    `of` is what it is the gradient of, where the name does not tell: "d0.weight".
    """

    name: str
    of: str = ""

    @cached_property
    def base(self) -> str:
        """The name without the leading d of a gradient."""
        return self.of or (self.name[1:] if self.is_gradient else self.name)

    @cached_property
    def is_gradient(self) -> bool:
        """Whether this is a gradient: dW[1], but not `delta`."""
        symbol = self.name[1:]
        return bool(self.of) or (self.name[:1] == "d" and (symbol[:1].isupper() or symbol.startswith(_LOWER)))
