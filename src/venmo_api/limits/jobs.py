"""Scheduled work of limits."""

from datetime import timedelta

from venmo_api.adapters.bundle import Adapters
from venmo_api.limits import queries

KEPT_FOR = timedelta(days=30)
DROPPED_AT_ONCE = 20_000


async def forget_old(app: Adapters) -> int:
    """Drop uses that stopped counting long ago; how many. The newest of each person stays."""
    horizon, total = app.clock.now() - KEPT_FOR - timedelta(seconds=app.figures.window_seconds), 0
    while dropped := await app.database.transact(queries.forget, horizon=horizon, most=DROPPED_AT_ONCE):
        total += dropped
    return total
