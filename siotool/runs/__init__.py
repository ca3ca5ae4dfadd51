"""What runs show, read once for reports and plans."""
