"""Payments between people: the money path."""
