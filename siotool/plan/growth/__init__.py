"""How long a fleet suffices, and what grows it."""
