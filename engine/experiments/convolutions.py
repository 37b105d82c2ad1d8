"""The shape of a convolutional network: its options, its sizes, and whether they fit. It loads no torch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from engine.errors import ExperimentError

POOLS = ("max", "average", "none")
_MOST_LAYERS, _MOST_WEIGHTS, _MOST_PIXELS = 20, 10**9, 10**9  # a slip of the finger, or a hostile file


def output_size(n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many places a kernel has along n pixels: ⌊(n + 2p − d·(k − 1) − 1)/s⌋ + 1; below 1 where it does not fit."""
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


class Convolutions(NamedTuple):
    """Convolutions of one kernel, each followed by a pooling of 2 × 2, or by none; its fields are an experiment's."""

    channels: tuple[int, ...] = (8, 16)  # that each gives
    kernel: int = 3  # × kernel
    stride: int = 1
    padding: int = 1  # pixels of 0 on each side
    dilation: int = 1
    pool: str = "max"  # of POOLS
    global_pool: bool = False  # at the end each channel's greatest value alone, wherever it stands

    @classmethod
    def of(cls, given: dict[str, Any], kind: str = "digits") -> Convolutions:
        """With what is not given chosen: padding so that an odd kernel keeps the size. Raises ExperimentError."""
        kernel, dilation = given.get("kernel", 3), given.get("dilation", 1)
        found = cls(**{"padding": max(0, dilation * (kernel - 1) // 2), **given})
        found._check()
        return found

    def sides(self, side: int) -> list[tuple[int, int]]:
        """Height and width of each convolution's output, and after its pooling, for pictures of side × side."""
        found = []
        for _ in self.channels:
            after = output_size(side, self.kernel, self.stride, self.padding, self.dilation)
            side = after if self.pool == "none" else after // 2
            found.append((after, side))
        return found

    def features(self, side: int) -> int:
        """How many values the linear layer takes. Raises ExperimentError where a convolution finds too few pixels."""
        before, channels = side, self.channels[-1]
        for number, (after, pooled) in enumerate(self.sides(side), 1):
            if pooled < 1:
                self._refuse(number, before, after)
            before = pooled
        if channels * before * before > _MOST_PIXELS:
            raise ExperimentError(f"padding {self.padding} makes pictures of {before} × {before}", "use a smaller one")
        return channels if self.global_pool else channels * before * before

    def field(self) -> int:
        """How many pixels, each way, a value of the last layer can see: its receptive field."""
        seen, jump = 1, 1
        for _ in self.channels:
            seen, jump = seen + self.dilation * (self.kernel - 1) * jump, jump * self.stride
            if self.pool != "none":
                seen, jump = seen + jump, jump * 2
        return seen

    def _refuse(self, number: int, before: int, after: int) -> None:
        span = self.dilation * (self.kernel - 1) + 1
        if after < 1:
            what = f"spans {span} pixels, and {before} come in, with {self.padding} on each side"
        else:
            what = f"leaves {after} × {after}, too little to be pooled"
        raise ExperimentError(
            f"convolution {number} of kernel {self.kernel} {what}",
            "use fewer convolutions, more padding, a smaller kernel, stride or dilation, or no pooling",
        )

    def _check(self) -> None:
        for name in ("kernel", "stride", "dilation"):
            value = getattr(self, name)
            _require(1 <= value <= 100, f"the {name} {value} is not in 1 … 100", "use for example 3, or leave it out")
        _require(0 <= self.padding <= 100, f"the padding {self.padding} is not in 0 … 100", "use for example 1")
        _require(self.pool in POOLS, f"there is no pooling “{self.pool:.40}”", f"there are {', '.join(POOLS)}")
        written = "-".join(map(str, self.channels))
        _require(
            1 <= len(self.channels) <= _MOST_LAYERS, f"there are {len(self.channels)} convolutions", "name 1 to 20"
        )
        _require(min(self.channels) >= 1, f"channels {written} have one below 1", "use numbers from 1, like 8-16")
        weights = sum(before * after for before, after in pairwise((1, *self.channels))) * self.kernel**2
        _require(weights <= _MOST_WEIGHTS, f"channels {written} have {weights:,} weights", "use smaller numbers")


def _require(holds: bool, problem: str, cure: str) -> None:
    if not holds:
        raise ExperimentError(problem, cure)
