"""Tables that others published, worked out again by the planner."""
