"""What happens to a person's inbox and friends feed, told as it happens: server-sent events."""
