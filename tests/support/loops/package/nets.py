"""What it trains."""

import torch
from torch import Tensor, nn


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc, self.mu, self.lv, self.dec = nn.Linear(20, 16), nn.Linear(16, 2), nn.Linear(16, 2), nn.Linear(2, 20)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = torch.relu(self.enc(x))
        mu, lv = self.mu(h), self.lv(h)
        return torch.sigmoid(self.dec(mu + torch.randn_like(mu) * (0.5 * lv).exp())), mu, lv
