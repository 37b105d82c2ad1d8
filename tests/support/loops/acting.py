"""An actor and a critic in a toy environment: as many forward passes a batch as it has steps, three generators."""

import random

import numpy as np
import torch
from torch import Tensor, nn

random.seed(1)
np.random.seed(1)
torch.manual_seed(1)


class Env:
    def reset(self) -> Tensor:
        self.x, self.t = random.random(), 0
        return self.seen()

    def seen(self) -> Tensor:
        return torch.tensor([self.x, self.t / 10.0], dtype=torch.float32)

    def step(self, action: int) -> tuple[Tensor, float, bool]:
        self.x += (action - 0.5) * 0.2 + float(np.random.randn()) * 0.05
        self.t += 1
        return self.seen(), -abs(self.x), self.t >= 4


class ActorCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.pi, self.v = nn.Linear(2, 16), nn.Linear(16, 2), nn.Linear(16, 1)

    def forward(self, seen: Tensor) -> tuple[torch.distributions.Categorical, Tensor]:
        hidden = torch.relu(self.body(seen))
        return torch.distributions.Categorical(logits=self.pi(hidden)), self.v(hidden)


policy, env = ActorCritic(), Env()
opt = torch.optim.Adam(policy.parameters(), lr=0.02)
for episode in range(6):
    seen, done, logs, values, rewards = env.reset(), False, list[Tensor](), list[Tensor](), list[float]()
    while not done:
        chances, value = policy(seen)
        action = chances.sample()
        logs.append(chances.log_prob(action))
        values.append(value.squeeze())
        seen, reward, done = env.step(action.item())
        rewards.append(reward)
    returns = torch.tensor([sum(rewards[i:]) for i in range(len(rewards))])
    ahead = returns - torch.stack(values)
    loss = -(torch.stack(logs) * ahead.detach()).mean() + ahead.pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(episode, loss.item())
