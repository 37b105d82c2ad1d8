"""A file of a user's own models."""

from __future__ import annotations

MODELS = """
import random
import sys

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Dropout(0.1))
        self.decoder = nn.Linear(8, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def parts(model, loader=None, loss=None):
    x = torch.randn(4, 20)
    optimizer = torch.optim.Adam(model.parameters())
    return model, loss or nn.MSELoss(), optimizer, loader or [(x, x)] * 5


def autoencoder():
    x = torch.randn(40, 20)
    data = torch.utils.data.TensorDataset(x, x)
    return *parts(Net(), torch.utils.data.DataLoader(data, 8, shuffle=True)), "an autoencoder"


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 20)
        self.hidden = [nn.Linear(20, 8)]  # a list, so that torch does not see it

    def forward(self, x):
        return self.head(torch.tanh(self.hidden[0](x)))


def listed():
    model = Listed()
    trained = [*model.parameters(), *model.hidden[0].parameters()]
    return model, nn.MSELoss(), torch.optim.Adam(trained), [(x, x) for x in torch.randn(5, 4, 20)]


class DictOut(Net):
    def forward(self, x):
        return {"rebuilt": super().forward(x)}


def dict_out():
    model, _, optimizer, loader = parts(DictOut())
    loss = lambda out, y: ((out["rebuilt"] - y) ** 2).mean()
    return {"model": model, "loss": loss, "optimizer": optimizer, "loader": loader}


class Talks(Net):
    def forward(self, x):
        print("a line of the user's")
        return super().forward(x)


def talks():
    return parts(Talks())


def odd_third():
    xs = [torch.randn(4, 20) for _ in range(5)]
    xs[2][0, 0] = 100
    return [(x, x) for x in xs]


class Raises(Net):
    def forward(self, x):
        if x[0, 0] > 99:
            raise ValueError("odd")  # here
        return super().forward(x)


def raises():
    return parts(Raises(), odd_third())


class Exits(Net):
    def forward(self, x):
        if x[0, 0] > 99:
            sys.exit(3)
        return super().forward(x)


def exits():
    return parts(Exits(), odd_third())


class Unseeded:
    def __len__(self):
        return 40

    def __iter__(self):
        system = random.SystemRandom()
        for _ in range(40):
            x = torch.randn(4, 20) * system.random()
            yield x, x


def unseeded():
    return parts(Net(), Unseeded())


def nothing():
    return None


def no_loader():
    return parts(Net())[:3]


def wrong_model():
    return ("a model", *parts(Net())[1:])
"""
