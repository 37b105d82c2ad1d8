"""One widget a file, each drawn from a snapshot."""
