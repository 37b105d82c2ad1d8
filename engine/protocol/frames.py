"""Whether two frames show the same: NaN is like NaN, so that a diverged run at rest sends no frame for ever."""

from __future__ import annotations

import msgspec


def alike(one: object, other: object) -> bool:
    """Whether two values of structs, lists, dicts and numbers are equal, every NaN being equal to itself."""
    if one == other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one != one and other != other
    if isinstance(one, msgspec.Struct):
        return all(alike(getattr(one, name), getattr(other, name)) for name in one.__struct_fields__)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(item, other[key]) for key, item in one.items())
    return False
