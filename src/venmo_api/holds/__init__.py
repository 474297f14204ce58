"""Authorisations between people: authorise, capture in parts, void, expire."""
