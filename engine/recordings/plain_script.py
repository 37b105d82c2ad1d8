"""A run written out as a plain PyTorch loop, which needs torch and numpy alone and ends in the same digest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent, indent

from engine.debugger import Debugger
from engine.errors import CommandError
from engine.experiments.data import MEAN, STD, folder_of
from engine.experiments.experiment import WHOLE_SET, Experiment, n_classes
from engine.experiments.losses import LOSSES
from engine.protocol.recipe import Script
from engine.recordings.plain_edits import plain_edit, plain_optimizer

_HEAD = '''
"""{title}: {batches} batches, as nnwalk-tui trained them. Run it with plain Python; it prints the run's digest."""

import gzip
import hashlib
import math
import random
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

torch.set_num_threads({threads})  # another number gives other bits
'''

_DIGITS = """
DATA = Path(sys.argv[1] if len(sys.argv) > 1 else {folder!r})


def read(name, dimensions):
    path = DATA / name
    content = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + ".gz").read_bytes())
    sizes = np.frombuffer(content, ">i4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(sizes)


images, labels = read("train-images-idx3-ubyte", 3), read("train-labels-idx1-ubyte", 1)
{classes}
X = torch.from_numpy(images.astype(np.float32)).unsqueeze(1).div_(255).sub_({mean}).div_({std}){flatten}
labels = torch.from_numpy(labels.astype(np.int64))
Y = {targets}
"""

_LAYERS = """
class Layer(nn.Module):
    def __init__(self, n_in, n_out, activation, norm=False, dropout=0.0):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.norm = nn.BatchNorm1d(n_out) if norm else None
        self.activation = activation
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, a):
        for part in (self.linear, self.norm, self.activation, self.dropout):
            a = a if part is None else part(a)
        return a


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([
{rows}
        ])

    def forward(self, a):
        for layer in self.layers:
            a = layer(a)
        return a
"""

_CONVNET = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.linear = nn.Linear(16 * 49, {classes})
        self.g = {activation}

    def forward(self, a):
        for conv in (self.conv1, self.conv2):
            a = conv(a)
            a = nn.functional.max_pool2d(a if self.g is None else self.g(a), 2)
        return self.linear(a.flatten(1))
"""

_MODEL = """
torch.manual_seed({seed})
model = Network()
generator = torch.Generator().manual_seed({seed})
with torch.no_grad():
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            weight, bias = module.weight, module.bias
            n_in = weight[0].numel()
{init}
loss_function = {loss}
optimizer = {optimizer}
shuffle = torch.Generator().manual_seed({seed})
batch_size = {batch_size}


def batches():
    order = torch.randperm(len(X), generator=shuffle)
    for rows in order.split(batch_size):
        yield X.index_select(0, rows), Y.index_select(0, rows)
"""

_SCRIPT = """
sys.path.insert(0, {folder!r})


def seed():
    torch.manual_seed({seed})
    random.seed({seed})
    np.random.seed({numpy_seed})


seed()
from {module} import {function}

seed()
returned = {function}()
if not isinstance(returned, (tuple, list)):
    named = returned if isinstance(returned, dict) else vars(returned)
    returned = [named[name] for name in ("model", "loss", "optimizer", "loader")]
model, loss_function, optimizer, loader = returned[:4]


def batches():
    for item in loader:
        *inputs, targets = item
        nested = len(inputs) == 1 and isinstance(inputs[0], (tuple, list))
        yield (tuple(inputs[0]) if nested else tuple(inputs)), targets
"""

_LOOP = '''
P = dict(model.named_parameters())
rate = optimizer.param_groups[0]["lr"]


def edit(done):
    """What was changed on the way, when so many batches were done."""
    global batch_size, optimizer, rate
{edits}

{factor}
def train(total):
    done = 0
    edit(done)
    while done < total:
        for inputs, targets in batches():
            optimizer.zero_grad()
{set_rate}            loss = loss_function(model({star}inputs), targets)
            loss.backward()
            optimizer.step()
            done += 1
            edit(done)
            if done == total:
                return print(f"loss of batch {{done}}: {{loss.item()!r}}")


def digest():
    """SHA-256 over parameters, buffers and optimizer state: names, types, shapes and bytes."""
    sha = hashlib.sha256()

    def feed(name, item):
        tensor = (item if torch.is_tensor(item) else torch.tensor(item)).detach().cpu().contiguous()
        sha.update(f"{{name}} {{tensor.dtype}} {{tuple(tensor.shape)}} ".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")

    for name, tensor in {{**dict(model.named_parameters()), **dict(model.named_buffers())}}.items():
        feed(name, tensor)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, parameter in enumerate(parameters):
        for key, item in sorted(optimizer.state.get(parameter, {{}}).items()):
            if item is not None:
                feed(f"{{index}}.{{key}}", item)
    return sha.hexdigest()


train({batches})
print(digest())
'''

_ACTIVATIONS = {
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "relu": "nn.ReLU()",
    "leaky-relu": "nn.LeakyReLU()",
    "linear": "None",
    "softmax": "None",  # the model gives logits
}
_INITS = {
    "pytorch": """
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
        nn.init.uniform_(bias, -1 / math.sqrt(n_in), 1 / math.sqrt(n_in), generator=generator)""",
    "zeros": """
        weight.zero_()
        bias.zero_()""",
    "small-normal": """
        weight.copy_(0.01 * torch.randn(weight.shape, generator=generator))
        bias.zero_()""",
    "normal": """
        weight.copy_(torch.randn(weight.shape, generator=generator))
        bias.copy_(torch.randn(bias.shape, generator=generator))""",
    "scaled-normal": """
        weight.copy_(torch.randn(weight.shape, generator=generator) / math.sqrt(n_in))
        bias.zero_()""",
    "xavier": """
        nn.init.xavier_uniform_(weight, generator=generator)
        bias.zero_()""",
    "kaiming": """
        nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
        bias.zero_()""",
}
_LOSSES = {
    "bce": "nn.BCELoss()",
    "cross-entropy": "nn.CrossEntropyLoss()",
    "mse": "nn.MSELoss()",
    "half-mse": "lambda predictions, targets: 0.5 * (predictions - targets).square().mean()",
    "mae": "nn.L1Loss()",
}
_SCHEDULES = {
    "step": "float(0.1 ** min(3 * ((i - 1) // {per_epoch}) // {epochs}, 3))",
    "cosine": "0.5 * (1 + math.cos(math.pi * min((i - 1) / {total}, 1)))",
    "warm-up": "min(1.0, i / math.ceil({total} / 10))",
}


def plain_script(session: Debugger) -> str:
    """The run up to the end of the last whole batch before the cursor, as a Python program.

    Raises CommandError for a run that a plain loop cannot repeat: one without a recipe, an audit, or an odd edit.
    """
    recipe = session.recipe
    if recipe is None or session.replay.audit:
        why = "applies no update" if session.replay.audit else "was made of objects"
        raise CommandError(f"this run {why}, which no script can repeat", "export a run of an experiment or a script")
    parts = _of_script(recipe) if isinstance(recipe, Script) else _of_experiment(recipe)
    head = _HEAD.format(title=session.description.name, batches=session.finished, threads=recipe.threads)
    return f"{head}{parts}\n{_loop(session)}".lstrip()


def _of_script(script: Script) -> str:
    path = Path(script.path).expanduser().resolve()
    return _SCRIPT.format(
        folder=str(path.parent),
        seed=script.seed,
        numpy_seed=script.seed % 2**32,
        module=path.stem,
        function=script.function,
    )


def _of_experiment(experiment: Experiment) -> str:
    return _data(experiment) + "\n" + _network(experiment) + "\n" + _model(experiment)


def _data(experiment: Experiment) -> str:
    kept = experiment.classes
    classes = f"""
        kept = np.isin(labels, {kept})
        images, labels = images[kept], labels[kept]
        labels = np.array([{kept}.index(label) for label in labels])
        """
    if LOSSES[str(experiment.loss)].class_indices:
        targets = "labels"
    elif experiment.layers and experiment.layers[-1] == 1:
        targets = "labels.unsqueeze(1).float()"
    else:
        targets = f"nn.functional.one_hot(labels, {n_classes(experiment)}).float()"
    return _DIGITS.format(
        folder=str(folder_of(experiment.data).resolve()),
        classes=dedent(classes).strip() if kept else "",
        mean=MEAN,
        std=STD,
        flatten="" if experiment.model == "convnet" else ".flatten(1)",
        targets=targets,
    )


def _network(experiment: Experiment) -> str:
    if experiment.model == "convnet":
        return _CONVNET.format(classes=n_classes(experiment), activation=_ACTIVATIONS[experiment.activation])
    sizes = experiment.layers or ()
    last = len(sizes) - 2
    rows = [
        f"Layer({sizes[i]}, {sizes[i + 1]}, "
        + (
            f"{_ACTIVATIONS[str(experiment.output)]}),"
            if i == last
            else f"{_ACTIVATIONS[experiment.activation]}, norm={experiment.batch_norm}, dropout={experiment.dropout}),"
        )
        for i in range(last + 1)
    ]
    return _LAYERS.format(rows=indent("\n".join(rows), " " * 12))


def _model(experiment: Experiment) -> str:
    return _MODEL.format(
        seed=experiment.seed,
        init=indent(dedent(_INITS[str(experiment.init)]).strip(), " " * 12),
        loss=_LOSSES[str(experiment.loss)],
        optimizer=plain_optimizer(
            experiment.optimizer, experiment.learning_rate or 0.0, experiment.momentum, experiment.weight_decay
        ),
        batch_size="len(X)" if experiment.batch_size == WHOLE_SET else f"min({experiment.batch_size}, len(X))",
    )


def _loop(session: Debugger) -> str:
    recipe = session.recipe
    scheduled = isinstance(recipe, Experiment) and recipe.schedule != "constant"
    factor = f"def factor(i):\n    return {_factor(session, recipe)}\n\n\n" if scheduled else ""  # type: ignore[arg-type]
    set_rate = (
        "            for group in optimizer.param_groups:\n                group['lr'] = rate * factor(done + 1)\n"
        if scheduled
        else ""
    )
    return _LOOP.format(
        edits=indent("\n".join(_edits(session)) or "pass", " " * 4),
        factor=factor,
        set_rate=set_rate,
        star="*" if isinstance(recipe, Script) else "",
        batches=session.finished,
    )


def _factor(session: Debugger, experiment: Experiment) -> str:
    total, per_epoch = session.plan
    epochs = math.ceil(total / per_epoch)
    return _SCHEDULES[experiment.schedule].format(per_epoch=per_epoch, total=total, epochs=epochs)


def _edits(session: Debugger) -> Iterable[str]:
    for edit in session.replay.edits:
        if edit.iteration <= session.finished:
            lines = "\n".join(plain_edit(session, edit))
            yield f"if done == {edit.iteration}:\n{indent(lines, ' ' * 4)}"
