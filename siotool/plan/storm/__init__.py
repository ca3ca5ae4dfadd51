"""Reconnect storms: what a fleet goes through when many clients come back at once."""
