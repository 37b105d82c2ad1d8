"""Colours as an eye tells them apart."""

from __future__ import annotations

from rich.color import Color

MEANINGS = ("here", "forward", "backward", "right", "wrong", "warning", "positive", "negative")


def brightness(colour: Color) -> float:
    """The relative luminance of WCAG 2."""
    parts = (part / 255 for part in colour.get_truecolor())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(ink: Color, paper: Color) -> float:
    """The contrast of WCAG 2, 1…21."""
    light, dark = sorted((brightness(ink), brightness(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
