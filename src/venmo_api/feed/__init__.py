"""The social timeline: who sees which payment, served from Redis, right without it."""
