"""The user's file: settings, keys, and the command that writes and checks it."""
