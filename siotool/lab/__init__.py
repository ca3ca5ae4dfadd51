"""A real fleet on loopback: servers, what joins them, and what stands in front of them."""
