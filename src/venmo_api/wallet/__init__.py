"""Balances, funding sources and top-ups."""
