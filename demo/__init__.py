"""The demonstration: a small town lives on the service for a minute, and every cent and story is checked."""
