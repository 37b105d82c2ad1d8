"""Operations element by element, and their rules where shapes are broadcast."""

from __future__ import annotations

import re
from functools import cache

import torch

from engine.statistics import is_bad
from engine.tape.rules.formula import is_sum
from engine.tape.rules.numbers import argument
from engine.tape.rules.rule import Call, MakesRule, Rule, letters

_COMPLEX = ("complex32", "complex64", "complex128")
_MASKED = re.compile(r"^\{dout\} ∗ 1\[([^\]]+)\]( / 6)?$")  # torch puts 0 there, and does not multiply a NaN by it


def elementwise(forward: str, where: tuple[tuple[str, str], ...] = (), **backward: str) -> MakesRule:
    """The rule of an operation of which each element is computed by itself."""

    def rule(call: Call) -> Rule | None:
        return broadcast(call, forward, backward, where)

    return rule


def broadcast(
    call: Call, forward: str, backward: dict[str, str], where: tuple[tuple[str, str], ...] = ()
) -> Rule | None:
    """A rule by elements: the gradient of what was repeated is the sum over its copies. None for complex numbers."""
    if any(getattr(item, "dtype", "") in _COMPLEX for item in call.arguments.values()):
        return None
    if is_bad_in(call, "dout"):
        backward = {name: _MASKED.sub(r"{dout}\2 if \1 else 0", text) for name, text in backward.items()}
    summed = {name: _over_copies(text, call.shape(name), call.out) for name, text in backward.items()}
    return Rule(forward, summed, where)


def is_bad_in(call: Call, name: str) -> bool:
    """Whether an argument, as far as its numbers are kept, holds NaN or an infinity."""
    found = call.tensor(name)
    return found is not None and found.layout is torch.strided and is_bad(found)


def _over_copies(text: str, shape: tuple[int, ...], out: tuple[int, ...]) -> str:
    new = len(out) - len(shape)
    copied = tuple(dim for dim, size in enumerate(out) if dim < new or (shape[dim - new] == 1 and size != 1))
    if not copied or not text:
        return text
    return f"Σ{letters(copied)} ({text})" if is_sum(text) else f"Σ{letters(copied)} {text}"


def unary(forward: str, slope: str) -> MakesRule:
    """The rule of f({self}), by its derivative."""
    return elementwise(forward, self=f"{{dout}} ∗ {slope}")


def _scaled(text: str, factor: float) -> str:
    if abs(factor) == 1:
        return text if factor == 1 else f"−{text}"
    return f"{argument(factor)}·{text}"


def plus(left: str, right: str) -> str:
    """left + right, or left − what is negative."""
    return f"{left} − {right[1:]}" if right.startswith("−") else f"{left} + {right}"


def _add(call: Call) -> Rule | None:
    alpha = call.get("alpha", 1)
    text = plus("{self}", _scaled("{other}", alpha))
    return broadcast(call, text, {"self": "{dout}", "other": _scaled("{dout}", alpha)})


def _sub(call: Call) -> Rule | None:
    alpha = call.get("alpha", 1)
    text = plus("{self}", _scaled("{other}", -alpha))
    return broadcast(call, text, {"self": "{dout}", "other": _scaled("{dout}", -alpha)})


def _rsub(call: Call) -> Rule | None:
    alpha = call.get("alpha", 1)
    text = plus("{other}", _scaled("{self}", -alpha))
    return broadcast(call, text, {"self": _scaled("{dout}", -alpha), "other": "{dout}"})


def _div(call: Call) -> Rule | None:
    mode = call.get("rounding_mode")
    if mode == "floor":
        return broadcast(call, "floor({self} / {other})", {"self": "0", "other": "0"})
    if mode is not None:
        return None
    gradients = {"self": "{dout} / {other}", "other": "−{dout} ∗ {self} / {other}²"}
    return broadcast(call, "{self} / {other}", gradients)


def _pow(call: Call) -> Rule | None:
    exponent = call["exponent"]
    if call.is_tensor("exponent"):
        own = "{dout} ∗ {exponent} ∗ {self}^({exponent} − 1) if {exponent} ≠ 0 else 0"
        log = "0 if {self} = 0 and {exponent} ≥ 0 else {dout} ∗ {out} ∗ log({self})"
        return broadcast(call, "{self}^{exponent}", {"self": own, "exponent": log})
    text = _power("{self}", exponent)
    return broadcast(call, text, {"self": _slope_of_power(exponent)})


def _power(base: str, exponent: float) -> str:
    short: dict[float, str] = {1: base, 2: f"{base}²", 3: f"{base}³", 4: f"{base}⁴"}
    written = argument(exponent)
    return short.get(exponent) or f"{base}^{f'({written})' if exponent < 0 else written}"


def _slope_of_power(exponent: float) -> str:
    if exponent == 0:
        return "0"
    scale = argument(exponent)
    scale = f"({scale})" if exponent < 0 else scale
    return "{dout}" if exponent == 1 else f"{{dout}} ∗ {scale}·{_power('{self}', exponent - 1)}"


def _where(call: Call) -> Rule | None:
    gradients = {"self": "{dout} if {condition} else 0", "other": "0 if {condition} else {dout}"}
    return broadcast(call, "{self} if {condition} else {other}", gradients)


def _masked_fill(call: Call) -> Rule | None:
    gradients = {"self": "0 if {mask} else {dout}", "value": "{dout} if {mask} else 0"}
    return broadcast(call, "{value} if {mask} else {self}", gradients)


def _lerp(call: Call) -> Rule | None:
    gradients = {
        "self": "{dout} ∗ (1 − {weight})",
        "end": "{dout} ∗ {weight}",
        "weight": "{dout} ∗ ({end} − {self})",
    }
    return broadcast(call, "{self} + {weight} ∗ ({end} − {self})", gradients)


def _addcmul(call: Call) -> Rule | None:
    value = call.get("value", 1)
    gradients = {
        "self": "{dout}",
        "tensor1": _scaled("{dout} ∗ {tensor2}", value),
        "tensor2": _scaled("{dout} ∗ {tensor1}", value),
    }
    return broadcast(call, plus("{self}", _scaled("{tensor1} ∗ {tensor2}", value)), gradients)


def _addcdiv(call: Call) -> Rule | None:
    value = call.get("value", 1)
    gradients = {
        "self": "{dout}",
        "tensor1": _scaled("{dout} / {tensor2}", value),
        "tensor2": _scaled("{dout} ∗ {tensor1} / {tensor2}²", -value),
    }
    return broadcast(call, plus("{self}", _scaled("{tensor1} / {tensor2}", value)), gradients)


@cache
def _share_at_bound(of_tensors: bool) -> float:
    """What part of the gradient goes to a value that is at a bound of clamp: it differs between versions of torch."""
    with torch.enable_grad():
        value = torch.zeros(1, requires_grad=True)
        bound = torch.zeros(1) if of_tensors else 0.0
        (gradient,) = torch.autograd.grad(torch.clamp(value, min=bound).sum(), value)
    return float(gradient)


def _clamp(call: Call) -> Rule | None:
    low, high = ("{min}" if _there(call, "min") else ""), ("{max}" if _there(call, "max") else "")
    forward = f"max({{self}}, {low})" if low else "{self}"
    forward = f"min({forward}, {high})" if high else forward
    share = _share_at_bound(call.is_tensor("min") or call.is_tensor("max"))
    gradients = {"self": f"{{dout}} ∗ {_inside(low, high, share)}"}
    if call.is_tensor("min") and high:
        gradients["self"] += " ∗ 1[{min} ≤ {max}]"
    rest = f" + {argument(1 - share)}·" if share < 1 else ""
    if call.is_tensor("min"):
        equal = ("1[{self} = {min} < {max}]" if high else "1[{self} = {min}]") if rest else ""
        gradients["min"] = f"{{dout}} ∗ (1[{{self}} < {{min}}]{rest}{equal})" + (" ∗ 1[{min} ≤ {max}]" if high else "")
    if call.is_tensor("max"):
        equal = ("1[{self} = {max} > {min}]" if low else "1[{self} = {max}]") if rest else ""
        above = f"1[{{self}} > {{max}}]{rest}{equal}"
        gradients["max"] = f"{{dout}} ∗ ({f'1 if {{min}} > {{max}} else {above}' if low else above})"
    return broadcast(call, forward, gradients)


def _there(call: Call, bound: str) -> bool:
    return call.get(bound) is not None


def _inside(low: str, high: str, share: float) -> str:
    sign = "≤" if share == 1 else "<"
    text = f"{low} {sign} {{self}} {sign} {high}" if low and high else ""
    text = text or (f"{{self}} {'≥' if share == 1 else '>'} {low}" if low else f"{{self}} {sign} {high}")
    if share in (0, 1):
        return f"1[{text}]"
    ends = "".join(f" + {argument(share)}·1[{{self}} = {bound}]" for bound in (low, high) if bound)
    return f"(1[{text}]{ends})"


def _larger(sign: str, name: str) -> MakesRule:
    """maximum and minimum: where both are alike, each has half of the gradient."""

    def half(one: str, other: str) -> str:
        return f"{{dout}} ∗ (1[{one} {sign} {other}] + 0.5·1[{one} = {other}])"

    return elementwise(f"{name}({{self}}, {{other}})", self=half("{self}", "{other}"), other=half("{other}", "{self}"))


def _compared(sign: str) -> MakesRule:
    return elementwise(f"1[{{self}} {sign} {{other}}]")


ELEMENTWISE: dict[str, tuple[str, MakesRule]] = {
    "add": ("add", _add),
    "sub": ("sub", _sub),
    "rsub": ("rsub", _rsub),
    "mul": ("mul", elementwise("{self} ∗ {other}", self="{dout} ∗ {other}", other="{dout} ∗ {self}")),
    "div": ("div", _div),
    "pow": ("pow", _pow),
    "neg": ("neg", elementwise("−{self}", self="−{dout}")),
    "abs": ("abs", unary("|{self}|", "sign({self})")),
    "exp": ("exp", unary("exp({self})", "{out}")),
    "expm1": ("expm1", unary("exp({self}) − 1", "({out} + 1)")),
    "log": ("log", elementwise("log({self})", self="{dout} / {self}")),
    "log1p": ("log1p", elementwise("log(1 + {self})", self="{dout} / (1 + {self})")),
    "log2": ("log2", elementwise("log2({self})", self="{dout} / ({self} ∗ 0.6931471805599453)")),
    "log10": ("log10", elementwise("log10({self})", self="{dout} / ({self} ∗ 2.302585092994046)")),
    "sqrt": ("sqrt", elementwise("√{self}", self="{dout} / (2·{out})")),
    "rsqrt": ("rsqrt", elementwise("1 / √{self}", self="−{dout} ∗ {out}³ / 2")),
    "reciprocal": ("reciprocal", elementwise("1 / {self}", self="−{dout} ∗ {out}²")),
    "sin": ("sin", unary("sin({self})", "cos({self})")),
    "cos": ("cos", elementwise("cos({self})", self="−{dout} ∗ sin({self})")),
    "tan": ("tan", unary("tan({self})", "(1 + {out}²)")),
    "atan": ("atan", elementwise("atan({self})", self="{dout} / (1 + {self}²)")),
    "sinh": ("sinh", unary("sinh({self})", "cosh({self})")),
    "cosh": ("cosh", unary("cosh({self})", "sinh({self})")),
    "erf": ("erf", unary("erf({self})", "1.1283791670955126·exp(−{self}²)")),
    "sign": ("sign", elementwise("sign({self})", self="0")),
    "floor": ("floor", elementwise("floor({self})", self="0")),
    "ceil": ("ceil", elementwise("ceil({self})", self="0")),
    "round": ("round", lambda call: None if call.get("decimals") else broadcast(call, "round({self})", {"self": "0"})),
    "clamp": ("clamp", _clamp),
    "clamp_min": ("clamp", _clamp),
    "clamp_max": ("clamp", _clamp),
    "maximum": ("maximum", _larger(">", "max")),
    "minimum": ("minimum", _larger("<", "min")),
    "where": ("where", _where),
    "masked_fill": ("masked-fill", _masked_fill),
    "lerp": ("lerp", _lerp),
    "addcmul": ("addcmul", _addcmul),
    "addcdiv": ("addcdiv", _addcdiv),
    "eq": ("eq", _compared("=")),
    "ne": ("ne", _compared("≠")),
    "lt": ("lt", _compared("<")),
    "le": ("le", _compared("≤")),
    "gt": ("gt", _compared(">")),
    "ge": ("ge", _compared("≥")),
    "dropout": ("dropout", elementwise("{self} ∗ {other}", self="{dout} ∗ {other}")),
    "native_dropout": ("dropout", elementwise("{input} ∗ {out1} / (1 − {p})", input="{dout} ∗ {out1} / (1 − {p})")),
    "_to_copy": ("cast", elementwise("{self}", self="{dout}")),
}
