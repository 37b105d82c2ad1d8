"""What is seen of one position: a module a pane."""
