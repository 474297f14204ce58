"""Scheduled work of idempotency."""

from datetime import timedelta

from venmo_api.adapters.bundle import Adapters
from venmo_api.idempotency import queries

KEPT_FOR = timedelta(days=7)
DROPPED_AT_ONCE = 20_000


async def forget_old(app: Adapters) -> int:
    """Drop answers older than KEPT_FOR; how many."""
    before, total = app.clock.now() - KEPT_FOR, 0
    while dropped := await app.database.transact(queries.purge, before=before, most=DROPPED_AT_ONCE):
        total += dropped
    return total
