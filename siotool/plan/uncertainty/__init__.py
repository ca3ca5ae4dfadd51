"""What is not known exactly: distributions, draws, and which input matters most."""
