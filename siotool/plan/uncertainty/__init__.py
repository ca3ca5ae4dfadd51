"""What is not known exactly: distributions, draws, and which input the answer hangs on."""
