"""What measured runs say a server's work costs, and how far that can be trusted."""
