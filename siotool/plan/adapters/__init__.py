"""What carries messages between processes: its laws, its limits, and what it loses."""
