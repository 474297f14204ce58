"""Scheduled work of the archive."""
