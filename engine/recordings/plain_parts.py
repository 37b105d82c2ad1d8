"""The parts that a run written out as plain PyTorch is put together from; long, since most of it is that code."""

HEAD = '''
"""{title}: {batches} batches, as nnwalk-tui trained them. Run it with plain Python; it prints the run's digest."""

import gzip
import hashlib
import itertools
import math
import os
import random
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

torch.set_num_threads({threads})  # another number gives other bits
{determinism}'''

DETERMINISM = """
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
torch.use_deterministic_algorithms(True, warn_only=True)
torch.backends.cudnn.benchmark = False
"""

DIGITS = """
DATA = Path(sys.argv[1] if len(sys.argv) > 1 else {folder!r})


def read(name, dimensions):
    path = DATA / name
    content = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + ".gz").read_bytes())
    sizes = np.frombuffer(content, ">i4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(sizes)


images, labels = read("train-images-idx3-ubyte", 3), read("train-labels-idx1-ubyte", 1)
{classes}
X = torch.from_numpy(images.astype(np.float32)).unsqueeze(1).div_(255).sub_({mean}).div_({std})
labels = torch.from_numpy(labels.astype(np.int64))
"""

POINTS = """
{drawn}


draws = torch.Generator().manual_seed({seed})
X, labels = {name}({points}, draws)
X = X + {noise!r} * torch.randn(X.shape, generator=draws)
"""

SEQUENCES = """
{drawn}


draws = torch.Generator().manual_seed({seed})
X, labels = {name}({count}, {length}, draws)
"""

EXAMPLES = """{altered}X = X{flatten}{there}
Y = {targets}{there}
"""

DRAWS = "draws = torch.Generator().manual_seed({seed})\n"
SAMPLE = """
rows = torch.randperm(len(X), generator=draws)[:{size}].sort().values
X, labels = X[rows], labels[rows]
"""
RANDOM_LABELS = """
labels = torch.randint({classes}, labels.shape, generator=draws)
"""
NOISY_LABELS = """
wrong = round({share!r} * len(labels))
rows = torch.randperm(len(labels), generator=draws)[:wrong]
by = torch.randint(1, {classes}, (wrong, *labels.shape[1:]), generator=draws)
labels = labels.index_add(0, rows, by).remainder({classes})
"""
SCRAMBLED = """
order = torch.randperm(784, generator=torch.Generator().manual_seed({seed}))
X = X.flatten(1)[:, order].view_as(X)
"""

LAYERS = """
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


{network}
"""

STACK = """class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([
{rows}
        ])

    def forward(self, a):
        for layer in self.layers:
            a = layer(a)
        return a"""

AUTOENCODER = """class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
{encoder}
        )
        self.decoder = nn.Sequential(
{decoder}
        )

    def forward(self, a):
        return self.decoder(self.encoder(a))"""

ATTENTIVE = """
from torch import Tensor


{classes}


def Network():
    return Attentive({embedding}, {count}, [{blocks}], {width}, {n_classes}, {each})
"""

CONVNET = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        for number, (n_in, n_out) in enumerate(itertools.pairwise((1, *{shape.channels})), 1):
            convolution = nn.Conv2d(n_in, n_out, {shape.kernel}, {shape.stride}, {shape.padding}, {shape.dilation})
            setattr(self, f"conv{{number}}", convolution)
        self.linear = nn.Linear({features}, {classes})
        self.g = {activation}

    def forward(self, a):
        for part in self.children():
            if isinstance(part, nn.Conv2d):
                a = part(a) if self.g is None else self.g(part(a))
{pool}
        return self.linear({last}.flatten(1))
"""
POOLS = {
    "max": "                a = nn.functional.max_pool2d(a, 2)",
    "average": "                a = nn.functional.avg_pool2d(a, 2)",
    "none": "",
}
LAST = {True: "nn.functional.adaptive_max_pool2d(a, 1)", False: "a"}

RECURRENT = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
{{embedding}}        self.cell = {cell}
        self.linear = nn.Linear({{layers[1]}}, {{classes}})

    def forward(self, a):
{{embedded}}        start = a.new_zeros(len(a), self.cell.hidden_size)
        state = {start}
        for row in a.unbind(1):
            state = self.cell(row, state)
        return self.linear({last})
"""

EMBEDDING = "        self.embedding = nn.Embedding({tokens}, {width})\n"
EMBEDDED = "        a = self.embedding(a)\n"

MODEL = """
torch.manual_seed({seed})
model = Network()
generator = torch.Generator().manual_seed({seed})
with torch.no_grad():
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            weight, bias = module.weight, module.bias
            n_in = weight[0].numel()
{init}
{codes}{cell}{placed}loss_function = {loss}
optimizer = {optimizer}
shuffle = torch.Generator().manual_seed({seed})
batch_size = {batch_size}
{batches}"""

BATCHES = """

def batches():
    order = torch.randperm(len(X), generator=shuffle)
    for rows in order{there}.split(batch_size):
        yield X.index_select(0, rows), Y.index_select(0, rows)
"""

SHIFTED_BATCHES = """
black = float(torch.zeros(1).div_(255).sub_({mean}).div_({std}))


def moved(inputs, offsets):
    images = nn.functional.pad(inputs.view(-1, 28, 28), ({most},) * 4, value=black)
    windows = images.unfold(1, 28, 1).unfold(2, 28, 1)
    down, right = ({most} - offsets).unbind(1)
    return windows[torch.arange(len(images)), down, right].view_as(inputs)


def batches():
    order = torch.randperm(len(X), generator=shuffle)
    offsets = torch.randint(-{most}, {most} + 1, (len(X), 2), generator=shuffle)
    for rows, by in zip(order{there}.split(batch_size), offsets{there}.split(batch_size)):
        yield moved(X.index_select(0, rows), by), Y.index_select(0, rows)
"""

SCRIPT = """
sys.path.insert(0, {folder!r})
sys.argv[1:] = {arguments!r}


def seed():
    torch.manual_seed({seed})
    random.seed({seed})
    np.random.seed({numpy_seed})


seed()
from {module} import {function}

seed()
returned = {function}()
{parts}
"""

FOUR_THINGS = """
if isinstance(returned, (tuple, list)):
    model, loss_function, optimizer, loader = returned[:4]
    schedulers = [part for part in returned[4:] if hasattr(part[0] if isinstance(part, tuple) else part, "step")]
else:
    named = returned if isinstance(returned, dict) else vars(returned)
    model, loss_function, optimizer, loader = (named[name] for name in ("model", "loss", "optimizer", "loader"))
    scheduler = named.get("scheduler")
    schedulers = scheduler if isinstance(scheduler, list) else [scheduler] if scheduler is not None else []
schedulers = [part if isinstance(part, tuple) else (part, "epoch") for part in schedulers]


def batches():
    for item in itertools.islice(loader, {batches}):
        *inputs, targets = item
        yield (tuple(inputs[0]) if {spread} else tuple(inputs)), targets
"""

OWN_STEP = """
names = ("modules", "optimizers", "loader", "step")
parts = returned if isinstance(returned, dict) else {{name: getattr(returned, name) for name in names}}
modules, optimizers, step = parts["modules"], parts["optimizers"], parts["step"]
if isinstance(modules, nn.Module) and not isinstance(modules, nn.ModuleDict):
    modules = {{"": modules}}
optimizers = optimizers if isinstance(optimizers, dict) else {{"": optimizers}}


def batches():
    return itertools.islice(parts["loader"], {batches})
"""

LOOP = '''
{named}
P = {{}}
for prefix, module in modules.items():
    for name, parameter in module.named_parameters():
        P.setdefault(f"{{prefix}}.{{name}}" if prefix else name, parameter)


def edit(done):
    """What was changed on the way, when so many batches were done."""
    global batch_size, optimizer, rate
{edits}

{factor}
def train(total):
    done = 0
    edit(done)
    while done < total:
{batch}
            done += 1
{epoch}            edit(done)
            if done == total:
                return {said}


def digest():
    """SHA-256 over parameters, buffers and optimizer state: names, types, shapes and bytes."""
    sha = hashlib.sha256()

    def feed(name, item):
        if isinstance(item, (list, tuple)):
            for number, part in enumerate(item):
                feed(f"{{name}}.{{number}}", part)
        elif item is not None:
            tensor = (item if torch.is_tensor(item) else torch.tensor(item)).detach().cpu().contiguous()
            tensor = tensor.resolve_conj().resolve_neg()
            sha.update(f"{{name}} {{tensor.dtype}} {{tuple(tensor.shape)}} ".encode())
            sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")

    seen = set()
    for prefix in sorted(modules):
        sha.update(prefix.encode())
        for name, tensor in (*modules[prefix].named_parameters(), *modules[prefix].named_buffers()):
            if id(tensor) not in seen:
                feed(name, tensor)
            seen.add(id(tensor))
    for prefix, each in sorted({optimizers}.items()):
        sha.update(prefix.encode())
        parameters = [p for group in each.param_groups for p in group["params"]]
        for index, parameter in enumerate(parameters):
            if id(parameter) not in seen:  # it is no module's
                feed(str(index), parameter)
            seen.add(id(parameter))
        for index, parameter in enumerate(parameters):
            for key, item in sorted(each.state.get(parameter, {{}}).items()):
                feed(f"{{index}}.{{key}}", item)
    return sha.hexdigest()


train({batches})
print(digest())
'''

USUAL = """
        for inputs, targets in batches():
            optimizer.zero_grad()
{set_rate}            loss = loss_function(model({star}inputs), targets)
            loss.backward()
            optimizer.step()
"""

CLOSURE = """
        for inputs, targets in batches():

            def closure():
                optimizer.zero_grad()
                loss = loss_function(model(*inputs), targets)
                loss.backward()
                return loss

            loss = optimizer.step(closure)
"""

OWN = """
        for batch in batches():
            step(batch)
"""

BATCH_SCHEDULERS = """
            for scheduler, when in schedulers:
                if when == "batch":
                    scheduler.step(*([loss.detach()] if hasattr(scheduler, "patience") else []))
"""

EPOCH_SCHEDULERS = """
            if done in ends:  # an epoch's, with the loss of its validation
                for scheduler, when in schedulers:
                    if when == "epoch":
                        scheduler.step(*([ends[done]] if hasattr(scheduler, "patience") else []))
"""

CODE_INIT = """        elif isinstance(module, ({kinds},)):
            weight, bias = module.weight, module.weight.new_empty(0)
            n_in = weight[0].numel()
{drawn}
"""
TORCHS_CODES = "nn.init.normal_(weight, generator=generator)"

CELL_INIT = """
        elif isinstance(module, nn.RNNCellBase):
{drawn}
"""
TORCHS_CELL_INIT = """
            bound = 1 / math.sqrt(module.hidden_size)
            for parameter in module.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
"""
CELL_PAIRS = """
            for weight, bias in ((module.weight_ih, module.bias_ih), (module.weight_hh, module.bias_hh)):
                n_in = weight[0].numel()
{init}
"""
FORGET_BIAS = """
    model.cell.bias_ih[{units} : 2 * {units}].fill_({bias})
    model.cell.bias_hh[{units} : 2 * {units}].zero_()
"""

NETWORKS = {  # those that are not LAYERS
    "rnn": RECURRENT.format(
        cell='nn.RNNCell({layers[0]}, {layers[1]}, nonlinearity="{function}")', start="start", last="state"
    ),
    "lstm": RECURRENT.format(cell="nn.LSTMCell({layers[0]}, {layers[1]})", start="(start, start)", last="state[0]"),
    "gru": RECURRENT.format(cell="nn.GRUCell({layers[0]}, {layers[1]})", start="start", last="state"),
}

ACTIVATIONS = {
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "relu": "nn.ReLU()",
    "leaky-relu": "nn.LeakyReLU()",
    "linear": "None",
    "softmax": "None",  # the model gives logits
}
INITS = {
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
LOSSES = {
    "bce": "nn.BCELoss()",
    "cross-entropy": "nn.CrossEntropyLoss()",
    "mse": "nn.MSELoss()",
    "half-mse": "lambda predictions, targets: 0.5 * (predictions - targets).square().mean()",
    "mae": "nn.L1Loss()",
}
SCHEDULES = {
    "step": "float(0.1 ** min(3 * ((i - 1) // {per_epoch}) // {epochs}, 3))",
    "cosine": "0.5 * (1 + math.cos(math.pi * min((i - 1) / {total}, 1)))",
    "warm-up": "min(1.0, i / math.ceil({total} / 10))",
}
