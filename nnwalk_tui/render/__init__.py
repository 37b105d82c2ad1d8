"""Pure functions from numbers to lines of styled text."""
