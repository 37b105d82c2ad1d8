"""The pictures of the documentation, taken from the program itself. `python -m screenshots` takes them anew."""
