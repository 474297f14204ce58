"""Scheduled work of idempotency."""

from datetime import timedelta

from venmo_api.adapters.bundle import Adapters
from venmo_api.idempotency import queries

KEPT_FOR = timedelta(days=7)


async def forget_old(app: Adapters) -> int:
    """Drop answers older than KEPT_FOR; how many."""
    return await app.database.transact(queries.purge, before=app.clock.now() - KEPT_FOR)
