"""The engine's process, and how it is spoken to."""
