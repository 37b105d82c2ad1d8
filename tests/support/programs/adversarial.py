"""Two networks against each other, each with its own Adam, losses and clipped gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

EPOCHS = 7
LATENT = 4


def _parts() -> tuple[nn.Module, nn.Module, torch.optim.Adam, torch.optim.Adam, DataLoader[Tensor]]:
    """A generator, a critic, their optimizers, and points on a circle, 8 batches of 16."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(LATENT, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(16, 1))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999))
    angles = torch.rand(128) * 2 * torch.pi
    points = torch.stack([angles.cos(), angles.sin()], dim=1)
    rows: Any = points  # a tensor has rows and a length, as a data set has
    return generator, critic, optimizer_g, optimizer_d, DataLoader(rows, batch_size=16, shuffle=True)


def gan() -> dict[str, Any]:
    """The critic's update, then the generator's."""
    generator, critic, optimizer_g, optimizer_d, loader = _parts()

    def step(real: Tensor) -> dict[str, Tensor]:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        fake = generator(torch.randn(len(real), LATENT))

        optimizer_d.zero_grad()
        loss_real = F.binary_cross_entropy_with_logits(critic(real), ones)
        loss_fake = F.binary_cross_entropy_with_logits(critic(fake.detach()), zeros)
        loss_d = loss_real + loss_fake
        loss_d.backward()
        nn.utils.clip_grad_norm_(critic.parameters(), 0.5)
        optimizer_d.step()

        optimizer_g.zero_grad()
        loss_g = F.binary_cross_entropy_with_logits(critic(fake), ones)
        loss_g.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), 0.5)
        optimizer_g.step()
        return {"loss_D": loss_d, "loss_G": loss_g}

    return {
        "modules": {"G": generator, "D": critic},
        "optimizers": {"G": optimizer_g, "D": optimizer_d},
        "loader": loader,
        "step": step,
        "name": "a circle",
        "epochs": EPOCHS,
    }


def plain_gan(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    generator, critic, optimizer_g, optimizer_d, loader = _parts()
    trained = {"modules": {"G": generator, "D": critic}, "optimizers": {"G": optimizer_g, "D": optimizer_d}}
    done = 0
    for _ in range(EPOCHS):
        for real in loader:
            if done == batches:
                return trained
            real_label = torch.ones(len(real), 1)
            fake_label = torch.zeros(len(real), 1)
            noise = torch.randn(len(real), LATENT)
            fake = generator(noise)
            optimizer_d.zero_grad()
            loss = F.binary_cross_entropy_with_logits(critic(real), real_label)
            loss = loss + F.binary_cross_entropy_with_logits(critic(fake.detach()), fake_label)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(critic.parameters(), 0.5)
            optimizer_d.step()
            optimizer_g.zero_grad()
            F.binary_cross_entropy_with_logits(critic(fake), real_label).backward()
            torch.nn.utils.clip_grad_norm_(generator.parameters(), 0.5)
            optimizer_g.step()
            done += 1
    return trained
