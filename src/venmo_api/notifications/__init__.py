"""What people are told: an inbox that is always there, pushes and mail as each of them wants it."""
