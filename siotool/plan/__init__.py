"""Sizing: from figures to a number of servers."""
