"""What the application is made of: each part owns its own state, is given what it needs, and knows no application."""
