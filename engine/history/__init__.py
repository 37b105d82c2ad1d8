"""What has run: checkpoints and replay, numbers by batch, branches. Knows nothing of what is seen of it."""
