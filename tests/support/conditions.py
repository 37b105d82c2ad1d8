"""Conditions that a small run meets: of scalars, which hold at the ends of batches, and of what is inside them."""

from __future__ import annotations

SCALARS = {
    "loss < 0.5": "loss",
    "loss > 0.6": "loss",
    "accuracy > 0.87": "accuracy",
    "iteration % 7 == 0": "iteration",
    "valid_accuracy > 0.95": "valid_accuracy",
    "epoch == 2 and batch == 3": "epoch",
    "not loss > 0.42": "loss",
    "loss < 0.45 or iteration == 2": "loss",
}
INSIDE = [
    "norm(dW[1]) > 0.35",
    "norm(dW[1]) < 0.24",
    "max(abs(Z[1])) > 3",
    "changed(W[1][3,5])",
    "dead(A[1]) > 0.3",
    "norm(dW[1]) > 0 and W[2][1,2] > -0.03",
    "norm(dW[1]) > 0 and W[2][1,2] < -0.03",
    "ratio(W[2]) < 4e-3",
    "norm(delta(b[2])) > 2e-3",
    "norm(W[1]) > 1.5",
    "W[2][1,2] > -0.03",
    "W[2][1,2] < -0.03",
    "phase == backward and op == relu and layer == 2",
    "phase == update and iteration % 4 == 0",
    "op == dropout and loss < 0.45",
    "layer == 2 and norm(dW[2]) > 0.1",
    "event == 7 and iteration == 5",
    "layer == 3 or loss < 0.4",
    "op == linear and not phase == forward",
    "max(m(W[1])) > 0.005",
    "norm(dA[1]) > 0.005",
    "nan(*)",
    "0.3 < loss < 0.4 and max(Z[1]) > 1",
    "max(grad(Z[2])) > 0.004",
]
