"""What is trained: model, loss, optimizer and data, built in or a user's own."""
