"""LBFGS: each step calls a closure several times."""

import torch
from torch import Tensor, nn

torch.manual_seed(0)
X = torch.randn(50, 3)
Y = (X**2).sum(1, keepdim=True)
net = nn.Sequential(nn.Linear(3, 10), nn.Tanh(), nn.Linear(10, 1))
opt = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=4)


def closure() -> Tensor:
    opt.zero_grad()
    loss = nn.functional.mse_loss(net(X), Y)
    loss.backward()
    return loss


for number in range(6):
    print(number, opt.step(closure).item())
