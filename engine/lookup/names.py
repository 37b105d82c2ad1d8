"""What a value is called, before it is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

GREEK = ("b[", "gamma[", "beta[")
SYMBOLS = ("W", "b", "Z", "A", "N", "D", "gamma", "beta")
INDEXED = (*SYMBOLS, *(f"d{s}" for s in SYMBOLS), "out")
BARE = ("X", "Y", "L")


@dataclass(frozen=True)
class Ref:
    """A name that has not been looked up yet: "W[1]", "dZ[2]", "A[0]", "out[12]", "layer1.0.conv1.weight"."""

    name: str

    @cached_property
    def base(self) -> str:
        """The name without the leading d of a gradient."""
        return self.name[1:] if self.is_gradient else self.name

    @cached_property
    def is_gradient(self) -> bool:
        """Whether this is a gradient: dW[1], but not `delta`."""
        return (
            len(self.name) > 1 and self.name[0] == "d" and (self.name[1].isupper() or self.name[1:].startswith(GREEK))
        )
