"""Who is calling: passwords, sessions, access and refresh tokens."""
