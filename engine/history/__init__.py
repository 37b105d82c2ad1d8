"""What has run: checkpoints and replay, the branches of a run, and what was changed on the way."""
