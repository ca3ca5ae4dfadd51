"""Every constraint and bad day in one world, and what is to be said about them."""
