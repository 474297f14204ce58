"""Scheduled work of the sandbox."""

from datetime import timedelta

from venmo_api.adapters.bundle import Adapters
from venmo_api.sandbox import queries

KEPT_FOR = timedelta(days=7)


async def forget_old(app: Adapters) -> int:
    """Drop messages older than KEPT_FOR; how many."""
    return await app.database.transact(queries.forget_messages, before=app.clock.now() - KEPT_FOR)
