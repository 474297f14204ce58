"""How long a delivery may take, when a failed one is tried again, and when it is parked for a person to look at."""

from datetime import timedelta

LEASE = timedelta(seconds=5)
"""Events that a relay holds are another's so long after it died. While it lives it extends the lease."""
HANDLING_MOST = timedelta(seconds=60)
"""What takes its subscribers longer is taken for stuck, and has failed."""
ATTEMPTS_MOST = 12
AWAY_WAIT = timedelta(seconds=1)
"""The wait when what a subscriber needs (Redis, S3) is away."""


def back_off(attempts: int) -> timedelta:
    """The wait after the n-th failure: 0.5 s doubling to five minutes, about half an hour until parked."""
    return timedelta(seconds=min(0.5 * 2 ** (attempts - 1), 300))


def is_hopeless(attempts: int) -> bool:
    return attempts >= ATTEMPTS_MOST
