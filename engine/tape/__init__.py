"""One batch, looked at: every operation, forward and backward, under its course name. Knows programs, not panes."""
