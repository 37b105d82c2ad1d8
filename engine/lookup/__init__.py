"""Names and expressions, and the values that they have at a position."""
