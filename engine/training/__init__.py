"""Runs one batch of a program, plainly or looked at, and holds everything that it depends on. Knows no history."""
