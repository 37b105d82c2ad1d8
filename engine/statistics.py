"""Tensor → numbers in few passes: aminmax, vector_norm, sum, count_nonzero; var_mean and isfinite cost far more."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.protocol.views import Statistics

_LOST = 1e-3  # of the mean of squares: below it, 32 bits leave a variance less than four digits


def statistics(name: str, tensor: Tensor) -> Statistics:
    """Mean, standard deviation (of the population), extremes, Euclidean norm, fraction of zeros and of NaN or infinity.

    Any shape and dtype; an empty tensor has zeros everywhere. Complex values count by magnitude, booleans as 0 and 1.
    """
    shape = list(tensor.shape)
    values = _as_float(tensor.detach())
    n = values.numel()
    if n == 0:
        return Statistics(name, shape, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    norm = float(torch.linalg.vector_norm(values))
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
        return float(torch.linalg.vector_norm(values - mean)) / math.sqrt(values.numel())
    return math.sqrt(variance)


def norm(tensor: Tensor) -> float:
    """Euclidean norm over all elements; NaN or inf if one is not finite."""
    return float(torch.linalg.vector_norm(_as_float(tensor.detach())))


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


def _as_float(tensor: Tensor) -> Tensor:
    tensor = plain(tensor)
    return tensor if tensor.is_floating_point() else tensor.float()


def is_bad(tensor: Tensor) -> bool:
    """Whether NaN or an infinity is among the values: a sum is finite only where all its parts are."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return False
    values = plain(tensor.detach())
    total = values.sum(dtype=torch.float32) if values.element_size() == 2 else values.sum()
    return not bool(torch.isfinite(total)) and not bool(torch.isfinite(values).all())  # large values overflow the sum
