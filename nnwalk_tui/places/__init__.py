"""Where panes stand: layouts as data, the plan for a size, and what the user hid and resized."""
