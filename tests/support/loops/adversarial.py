"""Two nets, two optimizers, a loader of its own; says at its end what it has come to."""

import hashlib

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
G = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 6))
D = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=0.01)
opt_d = torch.optim.Adam(D.parameters(), lr=0.02)
bce = nn.BCEWithLogitsLoss()
loader = DataLoader(TensorDataset(torch.randn(40, 6) + 2), batch_size=8, shuffle=True)
for epoch in range(3):
    for (real,) in loader:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        opt_d.zero_grad()
        fake = G(torch.randn(len(real), 4))
        loss_d = bce(D(real), ones) + bce(D(fake.detach()), zeros)
        loss_d.backward()
        nn.utils.clip_grad_norm_(D.parameters(), 1.0)
        opt_d.step()
        opt_g.zero_grad()
        loss_g = bce(D(fake), ones)
        loss_g.backward()
        opt_g.step()
    print(f"epoch {epoch}: D {loss_d.item():.4f} G {loss_g.item():.4f}")
parameters = [*G.parameters(), *D.parameters()]
print(hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in parameters)).hexdigest())
