"""Runs beside those of a baseline: effects, their intervals, and a verdict for each metric."""
