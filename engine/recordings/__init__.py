"""A run as a file: saved, opened, kept up to date, exported as plain PyTorch. Stands on the debugger."""
