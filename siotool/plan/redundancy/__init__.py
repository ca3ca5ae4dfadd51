"""Servers to have so that enough are left on a bad day."""
