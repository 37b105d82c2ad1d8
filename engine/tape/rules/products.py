"""Products of matrices and vectors, and attention."""

from __future__ import annotations

import torch

from engine.tape.rules.numbers import argument
from engine.tape.rules.rule import Call, MakesRule, Right, Rule, Side


def _matmul(left: str, right: str) -> MakesRule:
    def rule(call: Call) -> Rule | None:
        return Rule(f"{{{left}}}·{{{right}}}", _gradients(call, left, right))

    return rule


def _gradients(call: Call, left: str, right: str, factor: str = "") -> dict[str, Right]:
    """Towards both factors; towards Wᵀ it is written as that towards W, which is what is trained."""
    own: dict[str, Right] = {left: Side(f"{factor}{{dout}}·{{{right}.T}}", call.shape(left))}
    if getattr(call[right], "name", "").endswith("ᵀ"):
        shape = call.shape(right)
        own[f"{right}.T"] = Side(f"{factor}{{dout.T}}·{{{left}}}", (*shape[:-2], shape[-1], shape[-2]))
    else:
        own[right] = Side(f"{factor}{{{left}.T}}·{{dout}}", call.shape(right))
    return own


def _linear(left: str, right: str) -> MakesRule:
    """addmm and baddbmm: a product, and what is added to it."""

    def rule(call: Call) -> Rule | None:
        alpha, beta = call.get("alpha", 1), call.get("beta", 1)
        factor, added = ("" if scale == 1 else f"{argument(scale)}·" for scale in (alpha, beta))
        sums = _copies(call.shape("self"), call.out)
        text = f"{added}{{dout}}"
        own = _gradients(call, left, right, factor)
        return Rule(f"{factor}{{{left}}}·{{{right}}} + {added}{{self}}", {**own, "self": f"{sums}{text}"})

    return rule


def _copies(shape: tuple[int, ...], out: tuple[int, ...]) -> str:
    new = len(out) - len(shape)
    copied = [dim for dim, size in enumerate(out) if dim < new or (shape[dim - new] == 1 and size != 1)]
    return f"Σ{''.join('ᵢⱼₖ'[dim] for dim in copied)} " if copied else ""


def _mv(call: Call) -> Rule | None:
    return Rule(
        "Σⱼ {self} ∗ {vec}",
        {"self": "{dout} ∗ {vec}", "vec": "Σᵢ {dout} ∗ {self}"},
        align={"out": (0,), "vec": (1,)},
        space=call.shape("self"),
    )


def _dot(call: Call) -> Rule | None:
    return Rule(
        "Σ {self} ∗ {tensor}",
        {"self": "{dout} ∗ {tensor}", "tensor": "{dout} ∗ {self}"},
        align={"out": ()},
        space=call.shape("self"),
    )


def _attention(call: Call) -> Rule | None:
    """softmax(q·kᵀ·scale + mask)·v; none with dropout, whose mask is not given back, nor with fewer keys than heads."""
    query, key = call.shape("query"), call.shape("key")
    if call.get("dropout_p", 0.0) or query[:-2] != key[:-2] or len(query) != 4:
        return None
    scale = call.get("scale")
    factor = argument(query[-1] ** -0.5 if scale is None else scale)
    masked = call.is_tensor("attn_mask") or bool(call.get("is_causal"))
    mask = " + {attn_mask}" if call.is_tensor("attn_mask") else " + {mask}" if masked else ""
    causal = torch.full((query[-2], key[-2]), -torch.inf).triu(1)
    boolean = getattr(call.get("attn_mask"), "dtype", "") == "bool"
    if boolean:
        return None
    turned = f"{factor}·{{dS.T}}·{{query}}"
    return Rule(
        Side("{P}·{value}"),
        {
            "query": Side(f"{factor}·{{dS}}·{{key}}", query),
            "key": Side(turned, key),
            "value": Side("{P.T}·{dout}", call.shape("value")),
        },
        where=(
            ("S", f"{factor}·{{query}}·{{key.T}}{mask}"),
            ("P", "exp({S}) / Σₗ exp({S})"),
            ("dP", "{dout}·{value.T}"),
            ("dS", "{P} ∗ ({dP} − Σₗ {dP} ∗ {P})"),
        ),
        given={"mask": causal} if masked and not call.is_tensor("attn_mask") else {},
        note="mask: −∞ above the diagonal" if masked and not call.is_tensor("attn_mask") else "",
    )


PRODUCTS: dict[str, tuple[str, MakesRule]] = {
    "mm": ("matmul", _matmul("self", "mat2")),
    "bmm": ("matmul", _matmul("self", "mat2")),
    "mv": ("matmul", _mv),
    "dot": ("dot", _dot),
    "addmm": ("linear", _linear("mat1", "mat2")),
    "baddbmm": ("linear", _linear("batch1", "batch2")),
    "_scaled_dot_product_flash_attention_for_cpu": ("attention", _attention),
}
