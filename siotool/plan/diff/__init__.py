"""What moved the count from one plan to another."""
