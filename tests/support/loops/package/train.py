"""Relative imports, a schedule by the batch, an evaluation loop, a log that stays open, an exit status."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from .nets import VAE


def train(model: VAE, opt: Any, sched: Any, loader: Any, log: Any) -> None:
    model.train()
    for (x,) in loader:
        opt.zero_grad()
        out, mu, lv = model(x)
        loss = F.binary_cross_entropy(out, x, reduction="sum") / len(x) - 0.5 * (1 + lv - mu**2 - lv.exp()).sum() / len(
            x
        )
        loss.backward()
        opt.step()
        sched.step()
        log.write(f"{loss.item():.6f}\n")


@torch.no_grad()
def evaluate(model: VAE, loader: Any) -> float:
    model.eval()
    return sum(float(model(x)[0].sum()) for (x,) in loader)


def main() -> None:
    torch.manual_seed(0)
    data = torch.rand(64, 20)
    training = DataLoader(TensorDataset(data[:48]), 16, shuffle=True)
    held_out = DataLoader(TensorDataset(data[48:]), 8)
    model = VAE()
    groups: list[dict[str, Any]] = [
        {"params": model.enc.parameters(), "lr": 1e-3},
        {"params": model.dec.parameters()},
    ]
    opt = torch.optim.AdamW(groups, lr=2e-3)
    opt.add_param_group({"params": [*model.mu.parameters(), *model.lv.parameters()]})
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 0.01, total_steps=12)
    out = Path(sys.argv[1])
    with (out / "losses.txt").open("w") as log:
        for epoch in range(4):
            train(model, opt, sched, training, log)
            print("evaluation", epoch, evaluate(model, held_out))
            torch.save(model.state_dict(), out / "vae.pt")
    sys.exit(3)


if __name__ == "__main__":
    main()
