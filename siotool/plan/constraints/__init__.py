"""One file for each kind of resource that can run out."""
