"""Past runs in one file: what comparisons and trends need of them."""
