"""What a target speaks, and where it is misconfigured."""
