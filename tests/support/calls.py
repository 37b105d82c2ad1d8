"""Calls of every operation that has a rule: at random arguments, and at corners and ties.

One long table, a row a call: a rule without a row is found by looking in one place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

G = torch.Generator()


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=G, dtype=torch.float64)


def whole(*shape: int) -> Tensor:
    """Small whole numbers: zeros, ties, the bounds of clamps."""
    return torch.randint(-3, 4, shape, generator=G).double()


def positive(*shape: int) -> Tensor:
    return normal(*shape).abs() + 0.1


def chance(*shape: int) -> Tensor:
    return torch.rand(shape, generator=G, dtype=torch.float64) * 0.9 + 0.05


def classes(*shape: int, of: int = 3) -> Tensor:
    return torch.randint(0, of, shape, generator=G)


def lstm(bias: bool = True, bidirectional: bool = False) -> Callable[..., Tensor]:
    def run(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> Tensor:
        found: Tensor = torch.lstm(x, (h, c), list(weights), bias, 1, 0.0, True, bidirectional, False)[0]
        return found

    return run


def lstm_weights(sides: int = 1, bias: bool = True) -> list[Tensor]:
    each = [normal(12, 2).float(), normal(12, 3).float(), normal(12).float(), normal(12).float()]
    return (each if bias else each[:2]) * sides


Case = tuple[str, Callable[..., Any], Callable[[], list[Tensor]], str]


def case(aten: str, function: Callable[..., Any], *tensors: Callable[[], Tensor], no: str = "") -> Case:
    return aten, function, lambda: [make() for make in tensors], no


def n(*shape: int) -> Callable[[], Tensor]:
    return lambda: normal(*shape)


def w(*shape: int) -> Callable[[], Tensor]:
    return lambda: whole(*shape)


def p(*shape: int) -> Callable[[], Tensor]:
    return lambda: positive(*shape)


def c(*shape: int) -> Callable[[], Tensor]:
    return lambda: chance(*shape)


def y(*shape: int, of: int = 3) -> Callable[[], Tensor]:
    return lambda: classes(*shape, of=of)


def unary(aten: str, *functions: Callable[[Tensor], Any], of: Callable[..., Any] = n) -> list[Case]:
    return [case(aten, function, make(4, 5)) for function in functions for make in {of, w if of is n else of}]


ELEMENTWISE: list[Case] = [
    *(
        case(aten, function, left, right)
        for aten, function in (
            ("add", lambda a, b: torch.add(a, b, alpha=-2.5)),
            ("sub", lambda a, b: torch.sub(a, b, alpha=3)),
            ("mul", torch.mul),
            ("div", torch.div),
            ("maximum", torch.maximum),
            ("minimum", torch.minimum),
            ("rsub", lambda a, b: torch.rsub(a, b, alpha=2)),
        )
        for left, right in ((w(3, 4), p(3, 4)), (w(2, 3, 4), p(3, 1)), (w(4), p(2, 3, 4)), (w(3, 4), p()))
    ),
    case("add", lambda a: a + a, w(3, 4)),
    case("mul", lambda a: a * a, w(3, 4)),
    case("mul", lambda a: a.clone().mul_(0.5), w(3, 4)),
    case("add", lambda a: 1.5 + a, w(3)),
    case("div", lambda a: a / 3, w(3, 4)),
    case("div", lambda a, b: torch.div(a, b, rounding_mode="floor"), w(3, 4), p(3, 4)),
    case("rsub", lambda a: 2 - a, w(3, 4)),
    *(case("pow", lambda a, e=exponent: a**e, p(3, 4)) for exponent in (0, 1, 2, 3, 4, 5, -1, 0.5, -1.5, 2.5)),
    case("pow", lambda a: a**2, w(3, 4)),
    case("pow", lambda a: 2.5**a, w(3, 4)),
    case("pow", lambda a, b: a**b, p(3, 4), w(4)),
    case("pow", lambda a, b: a.abs() ** b.abs(), w(3, 4), w(3, 4)),
    *unary("neg", torch.neg),
    *unary("abs", torch.abs),
    *unary("exp", torch.exp),
    *unary("expm1", torch.expm1),
    *unary("log", torch.log, of=p),
    *unary("log1p", torch.log1p, of=p),
    *unary("log2", torch.log2, of=p),
    *unary("log10", torch.log10, of=p),
    *unary("sqrt", torch.sqrt, of=p),
    *unary("rsqrt", torch.rsqrt, of=p),
    *unary("reciprocal", torch.reciprocal, of=p),
    *unary("sin", torch.sin),
    *unary("cos", torch.cos),
    *unary("tan", torch.tan, of=c),
    *unary("atan", torch.atan),
    *unary("sinh", torch.sinh),
    *unary("cosh", torch.cosh),
    *unary("erf", torch.erf),
    *unary("sign", torch.sign),
    *unary("floor", torch.floor),
    *unary("ceil", torch.ceil),
    *unary("round", torch.round),
    *unary("clamp", lambda a: a.clamp(-1, 2), lambda a: a.clamp(min=0), lambda a: a.clamp(max=1)),
    *unary("clamp_min", lambda a: torch.clamp_min(a, 0)),
    *unary("clamp_max", lambda a: torch.clamp_max(a, 1)),
    case("clamp", lambda a, low, high: a.clamp(low, high), w(5, 4), w(4), lambda: whole(5, 4) + 2),
    case("clamp", lambda a, low, high: a.clamp(low, high), w(40), w(40), w(40)),
    case("clamp", lambda a, low: a.clamp(min=low), w(5, 4), w(4)),
    case("clamp", lambda a, high: a.clamp(max=high), w(5, 4), w(5, 1)),
    case("where", lambda a, b: torch.where(a > b, a, b), w(3, 4), w(4)),
    case("masked_fill", lambda a, m: a.masked_fill(m > 0, -7), w(3, 4), y(3, 4)),
    case("lerp", lambda a, b: torch.lerp(a, b, 0.3), w(3, 4), w(3, 4)),
    case("lerp", torch.lerp, w(3, 4), w(3, 4), n(4)),
    case("addcmul", lambda a, b, d: torch.addcmul(a, b, d, value=0.5), w(3, 4), w(3, 4), n(4)),
    case("addcdiv", lambda a, b, d: torch.addcdiv(a, b, d, value=0.5), w(3, 4), w(3, 4), p(4)),
    *(
        case(aten, lambda a, b, f=function: a * f(a, b), w(3, 4), w(3, 4), no="gradient")
        for aten, function in (
            ("eq", torch.eq),
            ("ne", torch.ne),
            ("lt", torch.lt),
            ("le", torch.le),
            ("gt", torch.gt),
            ("ge", torch.ge),
        )
    ),
    case("mul", lambda a: functional.dropout(a, 0.3), w(3, 4)),
    case("native_dropout", lambda a: torch.native_dropout(a, 0.3, True), w(3, 4)),
    case("_to_copy", lambda a: a.float().double(), w(3, 4)),
]

ACTIVATIONS: list[Case] = [
    *unary("relu", torch.relu, lambda a: torch.relu_(a * 1)),
    *unary("sigmoid", torch.sigmoid),
    *unary("tanh", torch.tanh),
    *unary("leaky_relu", lambda a: functional.leaky_relu(a, 0.2), lambda a: functional.leaky_relu(a, 1.5)),
    case("_prelu_kernel", functional.prelu, w(3, 4), n(4)),
    case("_prelu_kernel", functional.prelu, w(3, 4, 2), n(1)),
    *unary("gelu", functional.gelu, lambda a: functional.gelu(a, approximate="tanh")),
    *unary("silu", functional.silu),
    *unary("mish", functional.mish),
    *unary("elu", functional.elu, lambda a: functional.elu(a, 0.5), functional.selu),
    *unary("celu", functional.celu, lambda a: functional.celu(a, 2.0)),
    *unary("hardtanh", functional.hardtanh, lambda a: functional.hardtanh(a, -2.0, 1.0), functional.relu6),
    *unary("hardswish", functional.hardswish),
    *unary("hardsigmoid", functional.hardsigmoid),
    *unary("softplus", functional.softplus, lambda a: functional.softplus(a, 2.0, 4.0)),
    *unary("log_sigmoid_forward", functional.logsigmoid),
    *unary("threshold", lambda a: functional.threshold(a, 1.0, 5.0)),
    *unary("softshrink", functional.softshrink, lambda a: functional.softshrink(a, 1.0)),
    *unary("hardshrink", functional.hardshrink, lambda a: functional.hardshrink(a, 1.0)),
    *(
        case(aten, lambda a, f=function, d=dim: f(a, dim=d), make(3, 4, 2))
        for aten, function in (("_softmax", functional.softmax), ("_log_softmax", functional.log_softmax))
        for dim in (0, 1, -1)
        for make in (n, w)
    ),
    case("_softmax", lambda a: a.softmax(0), n(5)),
    case("_safe_softmax", lambda a: torch.ops.aten._safe_softmax(a.masked_fill(a > 0, -torch.inf), 1), w(5, 3)),
]

_DIMS: tuple[dict[str, Any], ...] = ({}, {"dim": 1}, {"dim": (0, 2)}, {"dim": -1, "keepdim": True})
REDUCTIONS: list[Case] = [
    *(
        case(aten, lambda a, f=function, o=options: f(a, **o), make(3, 4, 2))
        for aten, function in (
            ("sum", torch.sum),
            ("mean", torch.mean),
            ("amax", torch.amax),
            ("amin", torch.amin),
            ("std", torch.std),
            ("var", lambda a, **o: torch.var(a, correction=0, **o)),
            ("linalg_vector_norm", torch.linalg.vector_norm),
            ("linalg_vector_norm", lambda a, **o: torch.linalg.vector_norm(a, 1, **o)),
            ("linalg_vector_norm", lambda a, **o: torch.linalg.vector_norm(a, float("inf"), **o)),
            ("logsumexp", lambda a, **o: torch.logsumexp(a, **({"dim": (0, 1, 2)} | o))),
        )
        for options in _DIMS
        for make in (n, w)
    ),
    case("linalg_vector_norm", lambda a: torch.linalg.vector_norm(a * 0, dim=1), n(3, 4)),
    case("std", lambda a: (a * 0).std(1), n(3, 4)),
    *(
        case(aten, lambda a, f=function, o=options: f(a, **o), w(3, 4))
        for aten, function in (("max", torch.max), ("min", torch.min))
        for options in ({}, {"dim": 0}, {"dim": 1, "keepdim": True})
    ),
    case("median", lambda a: a.median(1), w(3, 5)),
    case("median", lambda a: a.median(0, keepdim=True), w(4, 5)),
]

PRODUCTS: list[Case] = [
    case("mm", torch.mm, n(3, 4), n(4, 2)),
    case("mm", functional.linear, n(3, 4), n(2, 4)),
    case("bmm", torch.bmm, n(2, 3, 4), n(2, 4, 2)),
    case("bmm", lambda a, b: a @ b.mT, n(2, 3, 4), n(2, 5, 4)),
    case("bmm", lambda a, b: torch.einsum("bij,bkj->bik", a, b), n(2, 3, 4), n(2, 5, 4)),
    case("mv", torch.mv, n(3, 4), n(4)),
    case("dot", torch.dot, n(4), n(4)),
    case("addmm", functional.linear, n(3, 4), n(2, 4), n(2)),
    case("addmm", functional.linear, n(2, 3, 4), n(5, 4), n(5)),
    case("addmm", lambda s, a, b: torch.addmm(s, a, b, beta=0.5, alpha=-2), n(3, 2), n(3, 4), n(4, 2)),
    case("baddbmm", lambda s, a, b: torch.baddbmm(s, a, b, beta=0.5, alpha=-2), n(2, 3, 2), n(2, 3, 4), n(2, 4, 2)),
    *(
        case(
            "_scaled_dot_product_flash_attention_for_cpu",
            lambda q, k, v, o=options: functional.scaled_dot_product_attention(q, k, v, **o),
            n(2, 2, 3, 4),
            n(2, 2, 5 if "is_causal" not in options else 3, 4),
            n(2, 2, 5 if "is_causal" not in options else 3, 4),
        )
        for options in ({}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": torch.tensor([[1.0, 0, 0, -2, 0]] * 3)})
    ),
]

_CONVOLUTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"stride": 2, "padding": 1},
    {"stride": 3, "padding": 2, "dilation": 2},
    {"groups": 2, "padding": 1},
)
CONVOLUTIONS: list[Case] = [
    *(
        case(
            "convolution",
            lambda x, w, b, f=function, o=options: f(x, w, b, **o),
            n(2, 4, *(7, 6, 5)[:dims]),
            n(6, 4 // options.get("groups", 1), *(3, 2, 1)[:dims]),
            n(6),
        )
        for dims, function in ((1, functional.conv1d), (2, functional.conv2d), (3, functional.conv3d))
        for options in _CONVOLUTIONS
    ),
    case(
        "convolution", lambda x, w: functional.conv2d(x, w, stride=(2, 1), padding=(0, 2)), n(2, 3, 6, 5), n(4, 3, 2, 3)
    ),
    case("convolution", functional.conv2d, n(3, 6, 5), n(4, 3, 2, 3)),
    *(
        case(
            "convolution",
            lambda x, w, b, o=options: functional.conv_transpose2d(x, w, b, **o),
            n(2, 4, 4, 3),
            n(4, 3, 3, 2),
            n(b),
        )
        for options, b in (({}, 3), ({"stride": 2, "padding": 1, "output_padding": 1}, 3), ({"groups": 2}, 6))
    ),
]

POOLING: list[Case] = [
    *(
        case("max_pool2d_with_indices", lambda a, o=options: functional.max_pool2d(a, **o), make(2, 2, 7, 6))
        for options in (
            {"kernel_size": 2},
            {"kernel_size": 3, "stride": 2, "padding": 1},
            {"kernel_size": (3, 2), "stride": (2, 3), "ceil_mode": True},
            {"kernel_size": 2, "dilation": 2, "stride": 1},
            {"kernel_size": 3, "padding": 1, "dilation": 2, "stride": 2, "ceil_mode": True},
        )
        for make in (n, w)
    ),
    case("max_pool2d_with_indices", lambda a: functional.max_pool1d(a, 3, 2), w(2, 2, 7)),
    case("max_pool3d_with_indices", lambda a: functional.max_pool3d(a, 2, 1), w(1, 2, 4, 3, 3)),
    *(
        case("avg_pool2d", lambda a, o=options: functional.avg_pool2d(a, **o), n(2, 2, 7, 6))
        for options in (
            {"kernel_size": 2},
            {"kernel_size": 3, "stride": 2, "padding": 1},
            {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
            {"kernel_size": (3, 2), "stride": (2, 3), "ceil_mode": True},
            {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
            {"kernel_size": 2, "divisor_override": 3},
        )
    ),
    case("avg_pool2d", lambda a: functional.avg_pool1d(a, 2), n(2, 2, 7)),
    case("avg_pool3d", lambda a: functional.avg_pool3d(a, 2, 1, 1), n(1, 2, 4, 3, 3)),
    case("_adaptive_avg_pool2d", lambda a: functional.adaptive_avg_pool2d(a, (3, 4)), n(2, 2, 7, 6)),
    case("_adaptive_avg_pool3d", lambda a: functional.adaptive_avg_pool3d(a, 2), n(1, 2, 4, 3, 5)),
    case("adaptive_max_pool2d", lambda a: functional.adaptive_max_pool2d(a, (3, 4)), w(2, 2, 7, 6)),
]

NORMALISATIONS: list[Case] = [
    case("native_batch_norm", lambda x, g, b: functional.batch_norm(x, None, None, g, b, True), n(5, 3), n(3), n(3)),
    case("native_batch_norm", lambda x: functional.batch_norm(x, None, None, None, None, True, eps=0.1), n(3, 2, 4)),
    case(
        "native_batch_norm", lambda x, g, b: functional.batch_norm(x, None, None, g, b, True), n(3, 2, 4, 2), n(2), n(2)
    ),
    case(
        "native_batch_norm",
        lambda x, g, b: functional.batch_norm(x, torch.ones(2).double() / 3, torch.ones(2).double() * 2, g, b, False),
        n(3, 2, 4, 2),
        n(2),
        n(2),
    ),
    case("native_batch_norm", functional.instance_norm, n(3, 2, 4, 2)),
    case("native_layer_norm", lambda x, g, b: functional.layer_norm(x, (4,), g, b), n(2, 3, 4), n(4), n(4)),
    case(
        "native_layer_norm", lambda x, g, b: functional.layer_norm(x, (3, 4), g, b, 0.1), n(2, 3, 4), n(3, 4), n(3, 4)
    ),
    case("native_layer_norm", lambda x: functional.layer_norm(x, (4,)), n(5, 4)),
    case("native_group_norm", lambda x, g, b: functional.group_norm(x, 2, g, b), n(2, 4, 3, 2), n(4), n(4)),
    case("native_group_norm", lambda x: functional.group_norm(x, 1), n(2, 4, 3)),
]

_REDUCED = ("none", "mean", "sum")
LOSSES: list[Case] = [
    *(case("mse_loss", lambda a, b, r=r: functional.mse_loss(a, b, reduction=r), w(3, 4), n(3, 4)) for r in _REDUCED),
    *(
        case(
            "smooth_l1_loss",
            lambda a, b, r=r, e=e: functional.smooth_l1_loss(a, b, reduction=r, beta=e),
            w(3, 4),
            w(3, 4),
        )
        for r in _REDUCED
        for e in (1.0, 2.5)
    ),
    *(
        case("huber_loss", lambda a, b, r=r, d=d: functional.huber_loss(a, b, reduction=r, delta=d), w(3, 4), w(3, 4))
        for r in _REDUCED
        for d in (1.0, 2.0)
    ),
    *(
        case(
            "binary_cross_entropy",
            lambda a, r=r, k=k: functional.binary_cross_entropy(a, k[0], k[1], reduction=r),
            c(3, 4),
        )
        for r in _REDUCED
        for k in ((torch.rand(3, 4).double(), None), (torch.rand(3, 4).double().round(), torch.rand(4).double()))
    ),
    case(
        "binary_cross_entropy", lambda a: functional.binary_cross_entropy(a.sign().abs(), torch.zeros(3).double()), c(3)
    ),
    *(
        case(
            "binary_cross_entropy_with_logits",
            lambda a, r=r, k=k: functional.binary_cross_entropy_with_logits(
                a, torch.rand(3, 4).double(), k[0], reduction=r, pos_weight=k[1]
            ),
            n(3, 4),
        )
        for r in _REDUCED
        for k in ((None, None), (torch.rand(4).double(), torch.tensor([1.0, 2, 3, 0.5]).double()))
    ),
    *(
        case(
            "nll_loss_forward",
            lambda a, t, o=options, r=r: functional.cross_entropy(a, t, reduction=r, **o),
            n(6, 3),
            y(6),
        )
        for r in _REDUCED
        for options in (
            {},
            {"weight": torch.tensor([1.0, 2, 0.5]).double()},
            {"ignore_index": 1},
            {"label_smoothing": 0.1},
            {"weight": torch.tensor([1.0, 2, 0.5]).double(), "ignore_index": 0, "label_smoothing": 0.2},
        )
    ),
    case("nll_loss_forward", lambda a: functional.nll_loss(a, torch.tensor(1)), n(3)),
    case("nll_loss_forward", lambda a: functional.cross_entropy(a, torch.tensor([-100, -100])), n(2, 3)),
    *(
        case(
            "nll_loss2d_forward",
            lambda a, t, o=options, r=r: functional.cross_entropy(a, t, reduction=r, **o),
            n(2, 3, 4, 2),
            y(2, 4, 2),
        )
        for r in _REDUCED
        for options in ({}, {"weight": torch.tensor([1.0, 2, 0.5]).double(), "ignore_index": 1})
    ),
]

MOVES: list[Case] = [
    case("embedding", lambda e, i: functional.embedding(i, e), n(5, 3), y(4, 2, of=5)),
    case("embedding", lambda e, i: functional.embedding(i, e, padding_idx=0), n(3, 2), y(4, 2)),
    case("index", lambda a: a[[0, 2, 0]], n(3, 4)),
    case("index", lambda a: a[:, [1, 1, 0], 1], n(3, 4, 2)),
    case("index", lambda a: a[a > 0], n(3, 4)),
    case("index_select", lambda a, i: a.index_select(1, i), n(2, 3), y(4)),
    case("gather", lambda a, i: a.gather(1, i), n(2, 3), y(2, 4)),
    case("topk", lambda a: a.topk(2, 1), w(3, 4)),
    case("sort", lambda a: a.sort(0, descending=True), w(3, 4)),
    case("constant_pad_nd", lambda a: functional.pad(a, (1, 2, 0, 1), value=7.0), n(2, 3)),
    case("flip", lambda a: a.flip(1), n(2, 3)),
    case("roll", lambda a: a.roll(1, 1), n(2, 3)),
    case("repeat", lambda a: a.repeat(2, 3), n(2, 3)),
    case("tril", torch.tril, n(3, 3)),
    case("triu", lambda a: a.triu(1), n(3, 3)),
    case("cat", lambda a, b: torch.cat([a, b, a], 1), n(2, 3), n(2, 1)),
    case("stack", lambda a, b: torch.stack([a, b], 1), n(2, 3), n(2, 3)),
    *(case("cumsum", lambda a, d=dim: a.cumsum(d), n(3, 4)) for dim in (0, -1)),
    *(case("prod", function, w(3, 4)) for function in (torch.prod, lambda a: a.prod(0), lambda a: a.prod(1, True))),
    case("prod", lambda a: a.prod(1), n(2, 6, 2)),
    *(case("glu", lambda a, d=dim: functional.glu(a, d), n(4, 6)) for dim in (0, -1)),
    *(case("median", torch.median, make(3, 4)) for make in (n, w)),
]

RESIZINGS: list[Case] = [
    case(aten, lambda a, how=how: functional.interpolate(a, **how), n(1, 2, *shape))
    for aten, how, shape in (
        ("upsample_nearest1d", {"scale_factor": 2}, (5,)),
        ("upsample_nearest2d", {"scale_factor": 2}, (2, 3)),
        ("upsample_nearest2d", {"size": (5, 2)}, (3, 4)),
        ("upsample_nearest3d", {"scale_factor": 2}, (2, 1, 2)),
        ("upsample_linear1d", {"scale_factor": 2, "mode": "linear"}, (5,)),
        ("upsample_bilinear2d", {"scale_factor": 2, "mode": "bilinear"}, (2, 3)),
        ("upsample_bilinear2d", {"size": (5, 3), "mode": "bilinear", "align_corners": True}, (3, 4)),
        ("upsample_bilinear2d", {"size": (2, 3), "mode": "bilinear"}, (5, 7)),
        ("upsample_trilinear3d", {"scale_factor": 2, "mode": "trilinear"}, (2, 2, 2)),
    )
]

RULES: list[Case] = [
    *ELEMENTWISE,
    *ACTIVATIONS,
    *REDUCTIONS,
    *PRODUCTS,
    *CONVOLUTIONS,
    *POOLING,
    *NORMALISATIONS,
    *LOSSES,
    *MOVES,
    *RESIZINGS,
]
