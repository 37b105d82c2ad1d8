"""Styles by meaning, the colour themes, and what a line becomes for a terminal without colour or Unicode."""
