"""A peer-to-peer payments service."""
