"""Built-in experiments: model, loss, optimizer and data by name. May make programs; knows nothing of how they run."""
