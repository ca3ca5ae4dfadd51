"""The designed experiment of a calibration: what users do in each of its phases, and when."""
