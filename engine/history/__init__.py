"""What has run: checkpoints and how a run gets from one to any batch, numbers by batch, branches.

Knows nothing of what is seen of it.
"""
