"""What is seen of one position: a module a pane, each given a Moment. No session, no cursor."""
