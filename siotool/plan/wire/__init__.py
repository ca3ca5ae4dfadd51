"""Bytes of a session as they travel: packets, frames, records, segments."""
