"""Runs one batch of a model, plainly or recorded, and holds everything that it depends on."""
