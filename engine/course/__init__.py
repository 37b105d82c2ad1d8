"""What the course's lessons compute: one computation a row of `catalogue.py`, one subject a module.

`findings`, `catalogue` and `requests` are torch-free; the other modules are loaded when a computation is asked for.
"""
