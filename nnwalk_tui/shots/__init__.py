"""Pictures that are asked for, and the screen without a terminal."""
