"""Takes every picture: the program is started, driven by keys, and what stands on its screen is written down.

    python -m screenshots [NAME …]

Each scene of SCENES gives NAME.svg and its text twin NAME.txt beside this file. A new picture is a row of SCENES.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from screenshots.camera import picture

HERE = Path(__file__).parent


class Scene(NamedTuple):
    """What is trained, at which size of the terminal, and the keys that lead to the picture."""

    name: str
    width: int
    height: int
    keys: str  # as Textual names them; 4*o is o four times
    experiment: Mapping[str, Any] = MappingProxyType({})
    ascii: bool = False
    lesson: str = ""  # that is open, on its own run


_REVERSING = {"model": "transformer", "data": "reverse"}

SCENES = (
    Scene("start", 120, 40, ""),
    Scene("backward", 120, 40, "20*b 3*p 5*o"),
    Scene("backward-80x24", 80, 24, "20*b 3*p 5*o"),
    Scene("epochs", 200, 60, "2*e"),
    Scene("tape", 120, 40, "b 3*p 5*o T"),
    Scene("digits", 120, 40, "20*b 5 z"),
    Scene("help", 120, 40, "b question_mark"),
    Scene("ascii", 80, 24, "20*b 3*p 5*o 5", ascii=True),
    Scene("convnet", 120, 40, "b 3*p 5*o", {"model": "convnet"}),
    Scene("gradients", 120, 40, "40*b 3*p 5*o f4 down enter", {"layers": [784, 64, 32, 16, 10], "activation": "tanh"}),
    Scene("data", 120, 40, "60*b f5"),
    Scene("plots", 120, 40, "2*e f6"),
    Scene("boundary", 80, 24, "20*e 8 z", {"data": "spiral"}),
    Scene("codes", 80, 24, "3*e k z", {"model": "autoencoder", "code": 2}),
    Scene("weights", 80, 24, f"2*e colon {' '.join('inspect')} space P [ 1 ] enter 2*v z", _REVERSING),
    Scene("draw", 80, 24, "2*e 9 z enter 5*left d 11*right 3*down 4*left 12*down d", {}),
    Scene("slide", 80, 24, "60*b 0 z enter 4*up 3*right 3*n", {"model": "convnet"}),
    Scene("lesson", 120, 40, "", lesson="backprop-1"),
)


def keys_of(scene: Scene) -> list[str]:
    """The keys one by one."""
    keys = []
    for word in scene.keys.split():
        count, _, key = word.rpartition("*")
        keys += [key] * int(count or 1)
    return keys


def take(scene: Scene) -> None:
    """Write a scene's two files."""
    size, keys = (scene.width, scene.height), keys_of(scene)
    shot = asyncio.run(picture(dict(scene.experiment), size, keys, ascii=scene.ascii, lesson=scene.lesson))
    (HERE / f"{scene.name}.svg").write_text(shot.svg, encoding="utf-8")
    (HERE / f"{scene.name}.txt").write_text(shot.text, encoding="utf-8")


def main() -> None:
    """Take the scenes that are named, or all."""
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as home:  # nobody's settings and command history are in the pictures
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = home
        for scene in SCENES:
            if not sys.argv[1:] or scene.name in sys.argv[1:]:
                print(scene.name, flush=True)
                take(scene)


if __name__ == "__main__":
    main()
