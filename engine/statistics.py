"""Tensor → numbers in few passes: aminmax, vector_norm, sum, count_nonzero; var_mean and isfinite cost far more.

Numbers are over all elements, finite or not, and right to six digits whatever the size: torch adds up a float32 norm in
float32, which is off in the fifth digit at a million values.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.protocol.views import Statistics

_LOST = 0.3  # of the mean of squares: below it, 32 bits leave a variance less than six digits
_SMALL = 16_384  # elements that are turned into float64 in less time than it takes to think about it
_ROW = 1024  # elements whose squares float32 adds up well; their norms are then put together in float64


def statistics(name: str, tensor: Tensor) -> Statistics:
    """Mean, standard deviation (of the population), extremes, Euclidean norm, fraction of zeros and of NaN or infinity.

    Any shape and dtype; an empty tensor has zeros everywhere. Complex values count by magnitude, booleans as 0 and 1.
    """
    shape = list(tensor.shape)
    values = _as_float(tensor.detach())
    n = values.numel()
    if n == 0:
        return Statistics(name, shape, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    norm = _length(values)
    mean = float(values.sum()) / n
    least, most = (float(extreme) for extreme in torch.aminmax(values))
    zeros = 1.0 - int(torch.count_nonzero(values)) / n
    bad = 0.0 if math.isfinite(norm) else 1.0 - int(torch.isfinite(values).sum()) / n
    std = _deviation(values, mean, norm * norm / n)
    return Statistics(name, shape, mean, std, least, most, norm, zeros, bad)


def _deviation(values: Tensor, mean: float, mean_of_squares: float) -> float:
    """√(mean of squares − mean²), from the differences themselves where hardly a digit of that would be left."""
    variance = mean_of_squares - mean * mean
    if not math.isfinite(variance):
        return math.nan
    if variance < _LOST * mean_of_squares:
        return _length(values - mean) / math.sqrt(values.numel())
    return math.sqrt(variance)


def norm(tensor: Tensor) -> float:
    """Euclidean norm over all elements; NaN or inf if one is not finite."""
    return _length(_as_float(tensor.detach()))


def _length(values: Tensor) -> float:
    if values.dtype == torch.float64:
        return float(torch.linalg.vector_norm(values))
    flat = values.reshape(-1)
    whole = flat.numel() // _ROW * _ROW
    rows = torch.linalg.vector_norm(flat[:whole].view(-1, _ROW), dim=1)
    rest = torch.linalg.vector_norm(flat[whole:], dtype=torch.float64)
    found = float(torch.linalg.vector_norm(rows, dtype=torch.float64).hypot(rest))
    if math.isinf(found):  # the square of a great number is none of float32's: the number may be
        found = float(torch.linalg.vector_norm(flat, dtype=torch.float64))
    return found


def update_ratio(old: Tensor, new: Tensor) -> float:
    """‖Δθ‖/‖θ‖ of the change that was really made; inf where θ was all zero and moved, 0 where nothing moved."""
    change, size = norm(new.detach() - old.detach()), norm(old)
    if size == 0.0:
        return math.inf if change else 0.0
    return change / size


LIMITS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
MARGIN = 0.05


def dead(tensor: Tensor, neurons: int = 1) -> float:
    """The fraction of neurons (dimension `neurons`) that are zero for every example (Lu et al. 2019, dying ReLU)."""
    others = [dim for dim in range(tensor.dim()) if dim != neurons % tensor.dim()]
    alive = (tensor != 0).sum(others) if others else tensor
    return 1.0 - int(torch.count_nonzero(alive)) / max(1, alive.numel())


def saturated(tensor: Tensor, activation: str) -> float:
    """The fraction of a sigmoid's or tanh's outputs within 0.05 of a limit, where the slope is next to 0."""
    low, high = LIMITS[activation]
    return float(((tensor < low + MARGIN) | (tensor > high - MARGIN)).float().mean())


def plain(tensor: Tensor) -> Tensor:
    """A tensor as real numbers, every one of them: a sparse one filled with its zeros, a complex one's magnitudes."""
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    return tensor.abs() if tensor.is_complex() else tensor


def total(tensor: Tensor) -> float:
    """The sum over all elements."""
    return float(_as_float(tensor.detach()).sum())


def mean(tensor: Tensor) -> float:
    """The mean over all elements; NaN of none."""
    values = _as_float(tensor.detach())
    return float(values.sum()) / values.numel() if values.numel() else math.nan


def deviation(tensor: Tensor) -> float:
    """The standard deviation of the population over all elements."""
    values = _as_float(tensor.detach())
    n = values.numel()
    return _deviation(values, float(values.sum()) / n, _length(values) ** 2 / n) if n else 0.0


def _as_float(tensor: Tensor) -> Tensor:
    """Real numbers in which sums keep six digits: float64 where that costs nothing, never less than float32."""
    tensor = plain(tensor)
    if tensor.numel() <= _SMALL or tensor.dtype == torch.int64:
        return tensor.double()
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def is_bad(tensor: Tensor) -> bool:
    """Whether NaN or an infinity is among the values: a sum is finite only where all its parts are."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return False
    values = plain(tensor.detach())
    total = values.sum(dtype=torch.float32) if values.element_size() == 2 else values.sum()
    return not bool(torch.isfinite(total)) and not bool(torch.isfinite(values).all())  # large values overflow the sum
