"""Personal data at rest: sealed under a key of its person, found by blind index."""
