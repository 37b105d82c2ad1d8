"""A run as a file: saved, opened, kept up to date, and exported as plain PyTorch."""
