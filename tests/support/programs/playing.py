"""An actor and a critic that learn by playing: what a batch holds depends on what was learnt before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PER_EPOCH = 10
EPOCHS = 6
MOVES = 8


class Line:
    """Four games at once: from a place between −5 and 5, walk towards 0; who reaches an end starts anew.

    The games go on from one batch to the next: the places are state of the training, and `state_dict` holds them.
    """

    def __init__(self) -> None:
        self.places = torch.tensor([-4.0, -2.0, 1.0, 3.0])

    def seen(self) -> Tensor:
        """What the players see, 4 × 2."""
        return torch.stack([self.places / 5, self.places.sign()], dim=1)

    def move(self, actions: Tensor) -> Tensor:
        """Move by −1 or 1; the rewards, 4."""
        self.places = self.places + (2 * actions - 1) + 0.1 * torch.randn(4)
        rewards = -self.places.abs() / 5
        self.places = torch.where(self.places.abs() > 5, torch.zeros(4), self.places)
        return rewards

    def state_dict(self) -> dict[str, Tensor]:
        return {"places": self.places.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.places = state["places"].clone()


class Turns:
    """A loader without end and without length: how many moves are to be made."""

    def __iter__(self) -> Iterator[int]:
        while True:
            yield MOVES


def _parts() -> tuple[nn.Module, nn.Module, torch.optim.Adam, Line]:
    torch.manual_seed(8)
    actor = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=0.01)
    return actor, critic, optimizer, Line()


def actor_critic() -> dict[str, Any]:
    """One optimizer for two networks; each move calls both once more."""
    actor, critic, optimizer, games = _parts()

    def step(moves: int) -> dict[str, Tensor]:
        chances, values, rewards = [], [], []
        for _ in range(moves):
            seen = games.seen()
            choice = torch.distributions.Categorical(logits=actor(seen))
            actions = choice.sample()
            chances.append(choice.log_prob(actions))
            values.append(critic(seen).squeeze(1))
            rewards.append(games.move(actions))
        returns: list[Tensor] = []
        after = torch.zeros(4)
        for reward in reversed(rewards):
            after = reward + 0.9 * after
            returns.insert(0, after)
        wanted, expected = torch.stack(returns), torch.stack(values)
        loss_actor = -(torch.stack(chances) * (wanted - expected.detach())).mean()
        loss_critic = F.smooth_l1_loss(expected, wanted)
        optimizer.zero_grad()
        (loss_actor + loss_critic).backward()
        optimizer.step()
        return {"loss_actor": loss_actor, "loss_critic": loss_critic, "reward": torch.stack(rewards).mean()}

    return {
        "modules": {"actor": actor, "critic": critic},
        "optimizers": {"": optimizer},
        "loader": Turns(),
        "batches": PER_EPOCH,
        "step": step,
        "state": {"games": games},
        "epochs": EPOCHS,
    }


def plain_actor_critic(batches: int) -> dict[str, Any]:
    """The same as a script's loop."""
    actor, critic, optimizer, games = _parts()
    for _ in range(batches):
        chances, values, rewards = torch.empty(MOVES, 4), torch.empty(MOVES, 4), torch.empty(MOVES, 4)
        for move in range(MOVES):
            seen = games.seen()
            choice = torch.distributions.Categorical(logits=actor(seen))
            actions = choice.sample()
            chances[move] = choice.log_prob(actions)
            values[move] = critic(seen)[:, 0]
            rewards[move] = games.move(actions)
        returns = torch.empty(MOVES, 4)
        after = torch.zeros(4)
        for move in range(MOVES - 1, -1, -1):
            after = rewards[move] + 0.9 * after
            returns[move] = after
        advantage = returns - values.detach()
        loss = -(chances * advantage).mean() + F.smooth_l1_loss(values, returns)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {"modules": {"actor": actor, "critic": critic}, "optimizers": {"": optimizer}, "state": {"games": games}}
