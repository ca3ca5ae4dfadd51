"""Load from several machines: how they join a run, what they are sent, and how their clocks are compared."""
