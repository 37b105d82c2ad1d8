"""One batch, recorded: every operation, forward and backward, under its course name."""
