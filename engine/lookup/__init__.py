"""What can be read at a position: a Moment, names, expressions. Moves nothing."""
