"""What the engine and a screen say to each other: commands, looks, and the views that answer them. Free of torch."""
