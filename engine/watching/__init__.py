"""Conditions on values and places, and runs that stop where one is true, forward and in reverse."""
