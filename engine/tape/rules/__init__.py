"""What operations compute, forward and backward: rules that are read as text and evaluated as they are read."""
