"""`screenshot [FILE] [PANE] [WIDTHxHEIGHT]`: what is to be drawn, into which files; and writing them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import CommandError
from engine.files import place_of_file, write_file
from engine.protocol.positions import Position
from nnwalk_tui.catalogue import EVERY_PANE
from nnwalk_tui.places.layout import LEAST_HEIGHT, LEAST_WIDTH

USAGE = "screenshot [FILE.svg|FILE.txt] [PANE] [WIDTHxHEIGHT]"
USUAL = (120, 40)  # a slide's size
_MOST = (400, 200)
_SIZE = re.compile(r"(\d+)[x×](\d+)")


@dataclass(frozen=True)
class Shot:
    """A picture that is asked for. Without a file it is named after the position, and is both SVG and text."""

    file: str = ""
    pane: str = ""  # "" for the whole screen
    size: tuple[int, int] | None = None  # of the terminal; None for the one there is
    over: bool = False  # whether a file of that name may be replaced: screenshot!


def parse(rest: str) -> Shot:
    """The picture that the words after `screenshot` ask for. Raises CommandError, naming the word and the cure."""
    try:
        words = shlex.split(rest)
    except ValueError:
        raise CommandError(f"a quotation mark is missing in “{rest.strip()}”", f"use: {USAGE}") from None
    file, pane, size, over = "", "", None, False
    for word in words:
        if word == "over":
            over = True
        elif word in EVERY_PANE:
            pane = word
        elif found := _SIZE.fullmatch(word):
            size = _checked_size(int(found[1]), int(found[2]))
        elif not file:
            file = _checked_name(word)
        else:
            raise CommandError(f"“{word}” is no pane and no size", f"panes: {', '.join(EVERY_PANE)}; a size: 120x40")
    return Shot(file, pane, size, over)


def _checked_size(width: int, height: int) -> tuple[int, int]:
    if not (LEAST_WIDTH <= width <= _MOST[0] and LEAST_HEIGHT <= height <= _MOST[1]):
        least, most = f"{LEAST_WIDTH}x{LEAST_HEIGHT}", f"{_MOST[0]}x{_MOST[1]}"
        raise CommandError(f"a screen of {width}x{height} cannot be drawn", f"from {least} to {most}")
    return width, height


def _checked_name(word: str) -> str:
    if Path(word).suffix.lower() not in (".svg", ".txt"):
        problem = f"“{word}” is no picture’s name, no pane and no size"
        raise CommandError(problem, f"end the file’s name in .svg or .txt; panes: {', '.join(EVERY_PANE)}")
    return word


def paths(shot: Shot, position: Position) -> list[Path]:
    """The files to write: the one that is named, or a free name after the position, as SVG and as text.

    Raises FileThereError for a file that is there, FileError for a folder that is not.
    """
    if not shot.file:
        return _free(_stem(position) + (shot.pane and f"-{shot.pane}"))
    return [place_of_file(shot.file, over=shot.over)]


def _stem(position: Position) -> str:
    event = "" if position.event is None else f"-{position.event}"
    return f"nnwalk-{position.epoch}-{position.batch}{event}"


def _free(stem: str) -> list[Path]:
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        pair = [Path(f"{name}.svg"), Path(f"{name}.txt")]
        if not any(os.path.lexists(path) for path in pair):
            return pair
        number += 1


def write(contents: Mapping[Path, str], *, over: bool) -> str:
    """Write the files, and say so. Raises FileError where one cannot be written."""
    for path, content in contents.items():
        write_file(path, content.encode(), over=over)
    first, *others = contents
    return f"saved {first}" + "".join(f" and {path.suffix}" for path in others)
