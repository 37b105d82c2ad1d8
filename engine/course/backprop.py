"""Shapes of a network, and its hand-derived gradients beside autograd's (course §5.1, §5.2)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from engine.course.dense import Criterion, Network, autograd, network, size_text
from engine.course.derivation_check import compare
from engine.course.derivations import derive
from engine.course.findings import Cell, Finding, Table
from engine.course.networks import sizes


def example(
    widths: list[int], n: int, activation: str, output: str, loss: str, seed: int = 0
) -> tuple[Network, Tensor, Tensor]:
    """A random float64 network with X (N × n_0) and targets that suit its loss."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    weights = [randn(after, before) / before**0.5 for before, after in pairwise(widths)]
    biases = [0.5 * randn(width) for width in widths[1:]]
    if loss == "bce":
        targets = torch.randint(0, 2, (n, widths[-1]), generator=generator).double()
    elif loss == "cross-entropy":
        targets = torch.eye(widths[-1], dtype=torch.float64)[torch.randint(0, widths[-1], (n,), generator=generator)]
    else:
        targets = randn(n, widths[-1])
    return network(weights, biases, activation, output, loss), randn(n, widths[0]), targets


def shapes(layers: str, n: int) -> Finding:
    """W, b, Z and A of every layer for N examples."""
    widths = sizes(layers)
    rows: list[list[Cell]] = [["0", str(widths[0]), "", "", "", f"{n}×{widths[0]} (= X)"]]
    value: dict[str, object] = {}
    for layer, (before, width) in enumerate(pairwise(widths), 1):
        rows.append([str(layer), str(width), f"{width}×{before}", str(width), f"{n}×{width}", f"{n}×{width}"])
        value |= {
            f"W_{layer}": [width, before],
            f"b_{layer}": [width],
            f"Z_{layer}": [n, width],
            f"A_{layer}": [n, width],
        }
    value["parameters"] = sum((before + 1) * width for before, width in pairwise(widths))
    return Finding(value, Table(["l", "neurons", "W[l]", "b[l]", "Z[l]", "A[l]"], rows))


def ones(n: int, width: int) -> Finding:
    """1·bᵀ: a column of N ones times a row of biases puts the biases beneath each other."""
    b = torch.arange(1, width + 1).float().unsqueeze(1) / 10
    product = torch.ones(n, 1) @ b.T
    rows: list[list[Cell]] = [[str(i), *(f"{v:.1f}" for v in row.tolist())] for i, row in enumerate(product, 1)]
    return Finding({"shape": list(product.shape)}, Table(["row", *(f"b_{j}" for j in range(1, width + 1))], rows))


def factors(layers: str, n: int, activation: str, output: str, loss: str, layer: int, criterion: str) -> Finding:
    """The factors of the derivation (of one layer, 0: of all), each with its shape and its error against autograd."""
    net, x, y = example(sizes(layers), n, activation, output, loss)
    found = compare(
        derive(net.weights, net.biases, x, y, activation, output, loss), autograd(net, x, y, Criterion(criterion))
    )
    errors = [row.error for row in found if row.error is not None]
    shown = [row for row in found if layer in (0, _layer_of(row.factor.ascii))]
    rows: list[list[Cell]] = []
    for row in shown:
        error = "—" if row.error is None else f"{row.error:.0e}"
        rows.append([row.factor.name, row.factor.formula, size_text(row.factor.value), row.conversion, error])
    value = {"largest_error": max(errors), "factors": len(found)}
    note = "; ".join(dict.fromkeys(row.why for row in shown if row.conversion != "1"))
    return Finding(value, Table(["factor", "by hand", "shape", "× autograd", "error"], rows), note=note)


def _layer_of(name: str) -> int:
    """The layer whose derivation a factor belongs to: dZ[2]/dA[1] leads into layer 1, dA[1] too."""
    return int(name.rsplit("[", 1)[1].rstrip("]"))


def mean_of_batch(n: int) -> Finding:
    """dW without its 1/N grows with the batch; with it, it does not."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for size in (1, n, 10 * n, 100 * n):
        net, x, y = example([3, 2, 3], size, "sigmoid", "sigmoid", "bce")
        found = {f.ascii: f.value for f in derive(net.weights, net.biases, x, y, "sigmoid", "sigmoid", "bce")}
        summed, meant = float((found["dZ[1]"].T @ x).norm()), float(found["dW[1]"].norm())
        rows.append([str(size), summed, meant])
        value[f"sum_{size}"], value[f"mean_{size}"] = summed, meant
    return Finding(value, Table(["N", "‖∂_Z[1]ᵀ·A[0]‖", "‖(1/N)·∂_Z[1]ᵀ·A[0]‖"], rows))
