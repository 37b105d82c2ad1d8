"""The program's speed, as ratios to plain PyTorch and plain Textual: `python -m benchmarks [NAME …]`."""
