"""The checks of a probe: one file for each check, or for a family that looks at the same facts."""
