"""The screen of nnwalk-tui, its command line and its headless mode. Never imports torch."""

__version__ = "0.1.0"
