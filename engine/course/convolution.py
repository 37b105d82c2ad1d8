"""A convolution cell by cell, its sizes, and how much a value of a deep layer sees (course §9)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from engine.course.dataset import shaded
from engine.course.findings import Cell, Finding, Table
from engine.course.pairs import digits
from engine.errors import ExperimentError
from engine.experiments.convolutions import Convolutions, output_size
from engine.experiments.data import HEIGHT, MEAN, STD, WIDTH
from engine.experiments.models import ConvNet, initialise

KERNELS = {
    "vertical": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "horizontal": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "blur": [[1 / 9] * 3] * 3,
    "outline": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}


def _digit(example: int) -> Tensor:
    """A training picture's pixels, 0 (black) … 1, (28, 28)."""
    return (digits("subset").train.images[example - 1, 0] * STD + MEAN).clamp(0, 1)


def _kernel(name: str) -> Tensor:
    return torch.tensor(KERNELS[name], dtype=torch.float32)


def _map(picture: Tensor, kernel: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1) -> Tensor:
    out = functional.conv2d(picture[None, None], kernel[None, None], None, stride, padding, dilation)
    return out[0, 0]


def cell(row: int, column: int, kernel: str, example: int) -> Finding:
    """One cell of the map: its patch of the picture times the kernel, number by number, and their sum."""
    picture, weights = _digit(example), _kernel(kernel)
    patch = picture[row - 1 : row + 2, column - 1 : column + 2]
    products = patch * weights
    whole = _map(picture, weights)
    rows: list[list[Cell]] = [
        [_numbers(patch[at]), "∗" if at == 1 else "", _numbers(weights[at]), "=" if at == 1 else "", _numbers(each)]
        for at, each in enumerate(products)
    ]
    rows.append(["", "", "", "sum", f"{float(products.sum()):.2f}"])
    pictures = [
        shaded(_framed(picture, row, column, 3, 0.5), f"patch at {row}, {column}"),
        shaded(_framed(_scaled(whole), row, column, 1, 1.0), f"its cell in the map, {_times(whole)}"),
    ]
    value = {"sum": float(products.sum()), "by_torch": float(whole[row - 1, column - 1]), "shape": list(whole.shape)}
    return Finding(value, Table(["patch", "", "kernel", "", "products"], rows), pictures=pictures)


def feature_map(kernel: str, stride: int, padding: int, dilation: int, example: int) -> Finding:
    """A digit, and what a kernel makes of it: bright where it answers with more than 0, dark where with less."""
    picture = _digit(example)
    if output_size(HEIGHT, 3, stride, padding, dilation) < 1:
        raise ExperimentError(f"a kernel of 3 with dilation {dilation} does not fit", "use a smaller dilation")
    whole = _map(picture, _kernel(kernel), stride, padding, dilation)
    pictures = [shaded(picture, f"digit, {HEIGHT}×{WIDTH}"), shaded(_scaled(whole), f"{kernel}, {_times(whole)}")]
    value = {"shape": list(whole.shape), "most": float(whole.max()), "least": float(whole.min())}
    return Finding(value, pictures=pictures)


def size(n: int, kernel: int, stride: int, padding: int, dilation: int) -> Finding:
    """⌊(n + 2p − d·(k − 1) − 1)/s⌋ + 1."""
    found = output_size(n, kernel, stride, padding, dilation)
    if found < 1:
        raise ExperimentError(f"a kernel of {kernel} with dilation {dilation} does not fit", "use more padding")
    table = Table(
        ["n", "kernel", "stride", "padding", "dilation", "size"], [[n, kernel, stride, padding, dilation, found]]
    )
    return Finding({"size": found}, table)


def seen(n: int, kernel: int, stride: int, padding: int) -> Finding:
    """In how many windows each pixel of a row of n lies, by the gradient of the sum of the map."""
    row = torch.zeros(1, 1, n, requires_grad=True)
    functional.conv1d(row, torch.ones(1, 1, kernel), None, stride, padding).sum().backward()
    counts = [] if row.grad is None else [int(count) for count in row.grad[0, 0]]
    value = {
        "first": counts[0],
        "middle": counts[n // 2],
        "middle_2d": counts[n // 2] ** 2,
        "corner_2d": counts[0] ** 2,
    }
    columns = ["pixel", *(str(at) for at in range(1, n + 1))]
    return Finding(value, Table(columns, [["windows", *(str(count) for count in counts)]]))


def backward(row: int, column: int, kernel: str, example: int, gradient: float) -> Finding:
    """What one cell of the map passes back, its gradient being a number: to its patch, the kernel and the bias."""
    patch = _digit(example)[row - 1 : row + 2, column - 1 : column + 2]
    weights = _kernel(kernel)
    pieces = patch.clone().requires_grad_(), weights.clone().requires_grad_(), torch.zeros((), requires_grad=True)
    out = (pieces[0] * pieces[1]).sum() + pieces[2]
    to_patch, to_kernel, to_bias = torch.autograd.grad(gradient * out, pieces)
    rows: list[list[Cell]] = [
        [_numbers(to_patch[at]), _numbers(to_kernel[at]), f"{float(to_bias):.2f}" if at == 1 else ""] for at in range(3)
    ]
    value = {
        "patch_is_kernel": bool(torch.equal(to_patch, gradient * weights)),
        "kernel_is_patch": bool(torch.equal(to_kernel, gradient * patch)),
        "bias": float(to_bias),
    }
    return Finding(value, Table(["∂ℒ/∂patch", "∂ℒ/∂kernel", "∂ℒ/∂b"], rows))


LAYERS = (1, 2, 4, 8)
_INPUTS, _CHANNELS = 20, 8
_BEYOND = 2  # pixels around a field, which it should not reach


def field(seed: int) -> Finding:
    """How many pixels a unit of layer L of 3 × 3 convolutions sees, and where its gradient lies (Luo et al. 2016)."""
    rows: list[list[Cell]] = []
    value: dict[str, object] = {}
    for layers in LAYERS:
        whole = _reach(layers, seed)
        support = int((whole.sum(1) > 0).sum())
        reach = _within(whole, _BEYOND)
        inner = _within(reach, layers // 2)
        share, area = float(inner.sum() / whole.sum()), inner.numel() / reach.numel()
        theory = Convolutions.of({"channels": (_CHANNELS,) * layers, "pool": "none"}).field()
        rows.append([layers, theory, support, f"{100 * area:.0f} %", f"{100 * share:.0f} %"])
        value[f"layers_{layers}"] = {"theory": theory, "support": support, "area": area, "share": share}
    columns = ["layers", "field, by rule", "by gradient", "inner part", "its share of the gradient"]
    last = shaded(_scaled(reach), f"{LAYERS[-1]} layers deep, {_times(reach)}")
    return Finding(value, Table(columns, rows), pictures=[last])


def _reach(layers: int, seed: int) -> Tensor:
    """Mean |∂unit/∂pixel| over random pictures and channels, of the middle unit: its field, and 2 pixels around."""
    generator, side = torch.Generator().manual_seed(seed), 2 * layers + 1 + 2 * _BEYOND
    network = ConvNet(10, "relu", Convolutions.of({"channels": (_CHANNELS,) * layers, "pool": "none", "padding": 0}))
    initialise(network, "pytorch", generator)
    pictures = torch.randn(_INPUTS, 1, side, side, generator=generator).requires_grad_()
    out: Tensor = pictures
    for name, stage in network.named_children():
        if name != "linear":
            out = stage(out)
    units = out[:, :, _BEYOND, _BEYOND].sum(0)  # of each channel; some are silent for every picture
    parts = [torch.autograd.grad(unit, pictures, retain_graph=True)[0].abs().mean(0)[0] for unit in units]
    return torch.stack(parts).mean(0)


def _within(values: Tensor, margin: int) -> Tensor:
    return values[margin : len(values) - margin, margin : len(values) - margin]


def _times(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape))


def _numbers(row: Tensor) -> str:
    return " ".join(f"{float(number):5.2f}".replace("-", "−") for number in row)


def _scaled(values: Tensor) -> Tensor:
    """0…1, with ½ for 0 where there are values on both sides of it."""
    most = float(values.abs().max()) or 1.0
    return values / most if bool((values >= 0).all()) else values / (2 * most) + 0.5


def _framed(picture: Tensor, row: int, column: int, side: int, level: float) -> Tensor:
    """With a frame of one pixel, as far as it lies inside, around a window of side × side."""
    found = picture.clone()
    top, left = max(0, row - 2), max(0, column - 2)
    found[top : row + side, left : column + side] = level
    inside = slice(row - 1, row - 1 + side), slice(column - 1, column - 1 + side)
    found[inside] = picture[inside]
    return found
