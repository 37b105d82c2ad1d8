"""`nnwalk-tui`, and `python -m nnwalk_tui`."""

import signal


def main() -> None:
    """The command line. Ctrl-C while it is imported ends the program at once, without a traceback."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # and not one that is ignored, in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from nnwalk_tui import cli

    signal.signal(signal.SIGINT, usual)
    cli.main()


if __name__ == "__main__":
    main()
