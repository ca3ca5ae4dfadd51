"""What is not known exactly: draws, and which input matters most."""
