"""What servers use, sampled during a run: one file for each source, and their samples put in line."""
