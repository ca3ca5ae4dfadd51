"""Reconnect storms: what happens to a fleet when many clients come back at once."""
