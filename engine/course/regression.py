"""Linear regression solved exactly, and by gradient descent on the same data (course §4.4)."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.course.findings import Cell, Finding, Plot, Series, Table

_STEPS = 500  # of descent where nothing is raced


def exact(n: int, features: int, noise: float, seed: int) -> Finding:
    """θ* = (XᵀX)⁻¹Xᵀy beside θ after ever more steps of θ − η·Xᵀ(Xθ − y)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, features, generator=generator, dtype=torch.float64)
    true = torch.arange(1, features + 1, dtype=torch.float64)
    y = x @ true + noise * torch.randn(n, generator=generator, dtype=torch.float64)
    solution = torch.linalg.solve(x.T @ x, x.T @ y)
    rate = 1 / float(torch.linalg.matrix_norm(x, 2) ** 2)
    theta, rows, distances = torch.zeros(features, dtype=torch.float64), list[list[Cell]](), []
    for step in range(201):
        distance = float((theta - solution).norm() / solution.norm())
        distances.append(distance)
        if step in (0, 1, 2, 5, 10, 20, 50, 100, 200):
            rows.append([str(step), *(float(t) for t in theta), distance])
        theta = theta - rate * x.T @ (x @ theta - y)
    rows.append(["exact", *(float(t) for t in solution), 0.0])
    gradient = x.T @ (x @ solution - y)
    value = {
        "distance": distances[-1],
        "gradient_at_solution": float(gradient.abs().max()),
        "loss": float(((x @ solution - y) ** 2).sum() / 2),
        "first": float(solution[0]),
    }
    names = [f"θ_{k}" for k in range(1, features + 1)]
    plot = Plot([Series("distance to θ*", [float(k) for k in range(60)], distances[:60])], "step", "", logarithmic=True)
    return Finding(value, Table(["step", *names, "distance"], rows), plot)


def singular(n: int, ridge: float, seed: int) -> Finding:
    """θ where the third feature is the sum of the first two, so that XᵀX has no inverse: what each way makes of it.

    (XᵀX + λI)⁻¹Xᵀy is ridge regression (Hoerl and Kennard, 1970); X⁺y the shortest θ of the least loss.
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    x = torch.cat([x, x.sum(1, keepdim=True)], 1)
    y = x @ torch.arange(1, 4, dtype=torch.float64) + 0.1 * torch.randn(n, generator=generator, dtype=torch.float64)
    gram, eye = x.T @ x, torch.eye(3, dtype=torch.float64)
    found = {
        "(XᵀX)⁻¹·Xᵀy": _solved(gram, x.T @ y),
        "shortest, X⁺·y": torch.linalg.pinv(x) @ y,
        f"λ = {ridge:g}": _solved(gram + ridge * eye, x.T @ y),
        "descent from 0, 0, 0": _descended(x, y, torch.zeros(3, dtype=torch.float64)),
        "descent from 5, 5, −5": _descended(x, y, torch.tensor([5, 5, -5], dtype=torch.float64)),
    }
    rows: list[list[Cell]] = []
    for how, theta in found.items():
        if theta is None:
            rows.append([how, *["no inverse"] * 3, "", ""])
        else:
            rows.append([how, *(f"{t:.3f}" for t in theta), f"{_loss(x, y, theta):.4f}", f"{float(theta.norm()):.3f}"])
    plain, shortest, damped, zero, other = found.values()
    assert shortest is not None
    value = {
        "n": n,
        "rank": int(torch.linalg.matrix_rank(gram)),
        "condition": float(torch.linalg.cond(gram)),
        "inverse": plain is not None,
        "loss": _loss(x, y, shortest),
        "loss_ridge": None if damped is None else _loss(x, y, damped),
        "descent_to_shortest": None if zero is None else float((zero - shortest).norm() / shortest.norm()),
        "from_elsewhere": None if other is None else float((other - shortest).norm() / shortest.norm()),
    }
    return Finding(value, Table(["how", "θ_1", "θ_2", "θ_3", "ℒ", "‖θ‖"], rows))


def _solved(gram: Tensor, right: Tensor) -> Tensor | None:
    """None where the solver finds no inverse."""
    solution, info = torch.linalg.solve_ex(gram, right)
    return None if int(info) else solution


def _descended(x: Tensor, y: Tensor, theta: Tensor) -> Tensor:
    rate = 1 / float(torch.linalg.matrix_norm(x, 2) ** 2)
    for _ in range(_STEPS):
        theta = theta - rate * x.T @ (x @ theta - y)
    return theta


def _loss(x: Tensor, y: Tensor, theta: Tensor) -> float:
    return float(((x @ theta - y) ** 2).sum() / 2)
