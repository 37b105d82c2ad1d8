"""Conditions on values and places, and runs that stop where one is true. Stands on cursor and panes."""
