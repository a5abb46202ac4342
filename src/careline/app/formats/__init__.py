"""Where Django's own date formats need a correction."""
