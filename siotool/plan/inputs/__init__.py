"""What a plan is made from: its figures, where they come from, and how they are written."""
