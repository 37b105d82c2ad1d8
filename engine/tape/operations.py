"""What a tensor operation is called and computes: the forward rule beside its backward rule.

A rule is a template. `{0}` is the first tensor that goes in, `{out}` what comes out, `{d0}` and `{dout}` the
gradients of ℒ towards them; `.T` behind a name transposes it. `1[…]` is 1 where the condition holds and 0 elsewhere;
∗ is element-wise and · the matrix product (course §5.1). Rules of one backward operation stand in the order of the
inputs that they belong to.
"""

from __future__ import annotations

from typing import NamedTuple


class Operation(NamedTuple):
    """One row of the table."""

    name: str
    forward: str = ""
    backward: tuple[tuple[int, str], ...] = ()  # (number of the input, its gradient's rule)
    activation: bool = False


def _activation(name: str, forward: str, slope: str) -> Operation:
    return Operation(name, f"{{out}} = {forward}", ((0, f"{{d0}} = {{dout}} ∗ {slope}"),), activation=True)


def _unary(name: str, forward: str, slope: str) -> Operation:
    return Operation(name, f"{{out}} = {forward}", ((0, f"{{d0}} = {{dout}} ∗ {slope}"),))


_LINEAR = Operation(
    "linear",
    "{out} = {1}·{2} + {0}",
    ((1, "{d1} = {dout}·{2.T}"), (2, "{d2.T} = {dout.T}·{1}"), (0, "{d0} = Σᵢ {dout}")),
)
_MATMUL = Operation("matmul", "{out} = {0}·{1}", ((0, "{d0} = {dout}·{1.T}"), (1, "{d1} = {0.T}·{dout}")))
_ADD = Operation("add", "{out} = {0} + {1}", ((0, "{d0} = {dout}"), (1, "{d1} = {dout}")))
_SUB = Operation("sub", "{out} = {0} − {1}", ((0, "{d0} = {dout}"), (1, "{d1} = −{dout}")))
_MUL = Operation("mul", "{out} = {0} ∗ {1}", ((0, "{d0} = {dout} ∗ {1}"), (1, "{d1} = {dout} ∗ {0}")))
_SOFTMAX = Operation(
    "softmax", "{out} = exp({0}) / Σⱼ exp({0})", ((0, "{d0} = {out} ∗ ({dout} − Σⱼ {dout} ∗ {out})"),), activation=True
)

OPERATIONS: dict[str, Operation] = {
    "addmm": _LINEAR,
    "mm": _MATMUL,
    "bmm": _MATMUL,
    "mv": _MATMUL,
    "dot": Operation("dot", "{out} = Σₖ {0} ∗ {1}", ((0, "{d0} = {dout} ∗ {1}"), (1, "{d1} = {dout} ∗ {0}"))),
    "convolution": Operation(
        "conv",
        "{out} = {0} ⋆ {1} + {2}",
        ((0, "{d0} = {dout} ⋆ᵀ {1}"), (1, "{d1} = {0} ⋆ {dout}"), (2, "{d2} = Σ {dout}")),
    ),
    "embedding": Operation("embedding", "{out} = {0}[{1}]", ((0, "{d0}[{1}] += {dout}"),)),
    "relu": _activation("relu", "max(0, {0})", "1[{0} > 0]"),
    "sigmoid": _activation("sigmoid", "σ({0})", "{out} ∗ (1 − {out})"),
    "tanh": _activation("tanh", "tanh({0})", "(1 − {out}²)"),
    "leaky_relu": _activation("leaky-relu", "max({0}, slope·{0})", "(1[{0} > 0] + slope·1[{0} ≤ 0])"),
    "gelu": _activation("gelu", "{0} ∗ Φ({0})", "(Φ({0}) + {0} ∗ φ({0}))"),
    "silu": _activation("silu", "{0} ∗ σ({0})", "(σ + {0} ∗ σ ∗ (1 − σ)), σ = σ({0})"),
    "elu": _activation("elu", "max(0, {0}) + min(0, exp({0}) − 1)", "(1[{0} > 0] + exp({0})·1[{0} ≤ 0])"),
    "hardtanh": _activation("hardtanh", "min(max({0}, lo), hi)", "1[lo < {0} < hi]"),
    "hardswish": _activation("hardswish", "{0} ∗ min(max({0} + 3, 0), 6) / 6", "hardswish′({0})"),
    "hardsigmoid": _activation("hardsigmoid", "min(max({0} + 3, 0), 6) / 6", "1[−3 < {0} < 3] / 6"),
    "softplus": _activation("softplus", "log(1 + exp({0}))", "σ({0})"),
    "_softmax": _SOFTMAX,
    "_safe_softmax": _SOFTMAX,
    "_log_softmax": Operation(
        "log-softmax", "{out} = {0} − log Σⱼ exp({0})", ((0, "{d0} = {dout} − exp({out}) ∗ Σⱼ {dout}"),)
    ),
    "nll_loss_forward": Operation("cross-entropy", "{out} = −mean({0} at {1})", ((0, "{d0} = −1[class = {1}] / N"),)),
    "nll_loss2d_forward": Operation("cross-entropy", "{out} = −mean({0} at {1})", ((0, "{d0} = −1[class = {1}] / N"),)),
    "binary_cross_entropy": Operation(
        "bce",
        "{out} = −mean({1} ∗ log {0} + (1 − {1}) ∗ log(1 − {0}))",
        ((0, "{d0} = ({0} − {1}) / ({0} ∗ (1 − {0})) / {n}"),),
    ),
    "binary_cross_entropy_with_logits": Operation(
        "bce-logits",
        "{out} = mean(log(1 + exp({0})) − {1} ∗ {0})",
        ((0, "{d0} = (σ({0}) − {1}) / {n}"),),
    ),
    "mse_loss": Operation("mse", "{out} = mean(({0} − {1})²)", ((0, "{d0} = 2·({0} − {1}) / {n}"),)),
    "smooth_l1_loss": Operation("smooth-l1", "{out} = mean(smooth |{0} − {1}|)"),
    "huber_loss": Operation("huber", "{out} = mean(huber({0} − {1}))"),
    "add": _ADD,
    "sub": _SUB,
    "rsub": Operation("rsub", "{out} = c − {0}", ((0, "{d0} = −{dout}"),)),
    "mul": _MUL,
    "div": Operation("div", "{out} = {0} / {1}", ((0, "{d0} = {dout} / {1}"), (1, "{d1} = −{dout} ∗ {0} / {1}²"))),
    "neg": Operation("neg", "{out} = −{0}", ((0, "{d0} = −{dout}"),)),
    "abs": _unary("abs", "|{0}|", "sign({0})"),
    "exp": _unary("exp", "exp({0})", "{out}"),
    "log": _unary("log", "log({0})", "1 / {0}"),
    "sqrt": _unary("sqrt", "√{0}", "1 / (2·{out})"),
    "rsqrt": _unary("rsqrt", "1 / √{0}", "−{out}³ / 2"),
    "reciprocal": _unary("reciprocal", "1 / {0}", "−{out}²"),
    "pow": _unary("pow", "{0}ᵖ", "p·{0}ᵖ⁻¹"),
    "clamp": _unary("clamp", "min(max({0}, lo), hi)", "1[lo ≤ {0} ≤ hi]"),
    "sum": Operation("sum", "{out} = Σ {0}", ((0, "{d0} = {dout}, spread"),)),
    "mean": Operation("mean", "{out} = mean({0})", ((0, "{d0} = {dout} / {n}, spread"),)),
    "native_batch_norm": Operation(
        "batch-norm", "{out} = γ ∗ ({0} − mean₀) / √(var₀ + ε) + β", ((0, "{d0} = batch-norm′({dout})"),)
    ),
    "native_layer_norm": Operation(
        "layer-norm", "{out} = γ ∗ ({0} − mean) / √(var + ε) + β", ((0, "{d0} = layer-norm′({dout})"),)
    ),
    "native_group_norm": Operation(
        "group-norm", "{out} = γ ∗ ({0} − mean) / √(var + ε) + β", ((0, "{d0} = group-norm′({dout})"),)
    ),
    "max_pool2d_with_indices": Operation(
        "max-pool", "{out} = max over windows of {0}", ((0, "{d0} = {dout} at each window's maximum"),)
    ),
    "avg_pool2d": Operation("avg-pool", "{out} = mean over windows of {0}", ((0, "{d0} = {dout} / {n}, spread"),)),
    "_adaptive_avg_pool2d": Operation(
        "avg-pool", "{out} = mean over windows of {0}", ((0, "{d0} = {dout} / {n}, spread"),)
    ),
    "cat": Operation("cat", "{out} = [{0}, …]", ((0, "{d0} = its part of {dout}"),)),
    "stack": Operation("stack", "{out} = [{0}, …]", ((0, "{d0} = its part of {dout}"),)),
    "mkldnn_rnn_layer": Operation("rnn", "{out} = rnn({0}, weights)"),
    "native_dropout": Operation("dropout", "{out} = {0} ∗ mask / (1 − p)", ((0, "{d0} = {dout} ∗ mask / (1 − p)"),)),
    "dropout": Operation("dropout", "{out} = {0} ∗ {1}", ((0, "{d0} = {dout} ∗ {1}"),)),
    "_to_copy": Operation("cast", "{out} = {0}, another type", ((0, "{d0} = {dout}"),)),
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Views, allocations and other bookkeeping: folded into the operation that uses them.
FOLDED = _words(
    """
    _local_scalar_dense _reshape_alias _unsafe_view alias arange as_strided bernoulli_ chunk clone contiguous copy_
    detach diagonal empty empty_like empty_strided expand expand_as fill_ full full_like is_same_size lift_fresh narrow
    new_empty new_empty_strided new_ones new_zeros normal_ ones ones_like permute rand rand_like randint randn
    randn_like reshape scalar_tensor select slice split split_with_sizes squeeze t transpose unbind unfold uniform_
    unsafe_split unsqueeze view view_as zero_ zeros zeros_like
    """
)

# Bookkeeping that only says that a tensor is the same one in another guise.
VIEWS = _words(
    """
    _reshape_alias _unsafe_view alias as_strided chunk clone contiguous detach expand expand_as lift_fresh narrow
    permute reshape select slice split split_with_sizes squeeze t transpose unbind unfold unsqueeze view view_as
    """
)


def operation(aten_name: str) -> Operation:
    """The table's row for an aten operator; in-place variants share that of the plain one."""
    plain = aten_name if aten_name in OPERATIONS else aten_name.removesuffix("_")
    return OPERATIONS.get(plain) or Operation(plain.strip("_").replace("_", "-"))
