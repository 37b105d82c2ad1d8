"""Recurrent networks: the rows of a picture, one after another, through one cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from engine.experiments.experiment import Experiment
from engine.experiments.networks import MODELS
from engine.experiments.sequences import SEQUENCES

CELLS: dict[str, type[Any]] = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}


class Recurrent(nn.Module):
    """One cell unrolled over time, H[t] = cell(X[t], H[t−1]) from H[0] = 0; a linear layer on the last H (course §10).

    Shapes: (N, T, n_x), or with an `embedding` tokens (N, T), → (N, n_classes) logits; `output_activation` is as in
    MLP. Within 10⁻⁶ it computes what nn.RNN, nn.LSTM and nn.GRU do, whose kernels add in another order.
    """

    output_activation = "softmax"

    def __init__(self, cell: nn.RNNCellBase, n_classes: int, embedding: nn.Embedding | None = None) -> None:
        super().__init__()
        self.embedding = embedding
        self.cell = cell
        self.linear = nn.Linear(cell.hidden_size, n_classes)

    @classmethod
    def of(cls, experiment: Experiment) -> Recurrent:
        """The model of an experiment, all of whose choices are made."""
        n_inputs, units, n_outputs = experiment.layers or ()
        options = {"nonlinearity": experiment.activation} if len(MODELS[experiment.model].activations) > 1 else {}
        sequences = SEQUENCES.get(experiment.data)
        embedding = None if sequences is None else nn.Embedding(len(sequences.tokens), n_inputs)
        return Recurrent(CELLS[experiment.model](n_inputs, units, **options), n_outputs, embedding)

    def forward(self, rows: Tensor) -> Tensor:
        if self.embedding is not None:
            rows = self.embedding(rows)
        start = rows.new_zeros(len(rows), self.cell.hidden_size)
        state: Tensor | tuple[Tensor, Tensor] = (start, start) if isinstance(self.cell, nn.LSTMCell) else start
        for row in rows.unbind(dim=1):
            state = self.cell(row, state)
        logits: Tensor = self.linear(state[0] if isinstance(state, tuple) else state)
        return logits


def initialise_cell(
    cell: nn.RNNCellBase, draw: Callable[[Tensor, Tensor, Generator], None] | None, generator: Generator
) -> None:
    """Draw what X[t] is multiplied by, then what H[t−1] is, each with its bias, by `draw`.

    Without `draw`, as torch does it: weight after weight, then the biases, uniform in ±1/√units.
    """
    if draw is None:
        bound = 1 / math.sqrt(cell.hidden_size)
        for parameter in cell.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        return
    draw(cell.weight_ih, cell.bias_ih, generator)
    draw(cell.weight_hh, cell.bias_hh, generator)


def set_forget_bias(model: nn.Module, bias: float) -> None:
    """Let the forget gates of LSTM cells begin at σ(bias), of which 1 keeps 73 % a step (Jozefowicz et al. 2015)."""
    with torch.no_grad():
        for cell in model.modules():
            if isinstance(cell, nn.LSTMCell):
                of_gate = slice(cell.hidden_size, 2 * cell.hidden_size)
                cell.bias_ih[of_gate].fill_(bias)
                cell.bias_hh[of_gate].zero_()
