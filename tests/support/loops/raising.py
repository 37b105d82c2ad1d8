"""Raises in its seventh batch."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

torch.manual_seed(0)
model = nn.Linear(4, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    for number in range(1, 20):
        yield torch.randn(3, 5 if number == 7 else 4), torch.randint(2, (3,))


for x, y in batches():
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(loss.item())
