"""Sizing: the formula, availability, and the sentence that tells them apart."""
