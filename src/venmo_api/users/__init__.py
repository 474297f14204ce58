"""People: sign-up, profile, search, friends."""
