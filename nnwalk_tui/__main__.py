"""`python -m nnwalk_tui` is `nnwalk-tui`."""

from nnwalk_tui.cli import main

main()
