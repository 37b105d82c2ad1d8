"""The program over the engine's stand-in, which needs no torch: `-m tests.support.fake_program …`."""

from __future__ import annotations

import sys

from nnwalk_tui.cli import main
from nnwalk_tui.client import spawned

if __name__ == "__main__":
    spawned.ENGINE = (sys.executable, "-m", "tests.support.fake_engine")
    main()
