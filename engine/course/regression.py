"""Linear regression solved exactly, and by gradient descent on the same data (course §4.4)."""

from __future__ import annotations

import torch

from engine.course.findings import Cell, Finding, Plot, Series, Table


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
