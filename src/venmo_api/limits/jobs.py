"""Scheduled work of limits."""

from datetime import timedelta

from venmo_api.adapters.bundle import Adapters
from venmo_api.limits import queries
from venmo_api.limits.rules import Flow, lasts

KEPT_FOR = timedelta(days=30)
DROPPED_AT_ONCE = 20_000


async def forget_old(app: Adapters) -> int:
    """Drop uses that stopped counting long ago; how many. The newest of each person stays."""
    longest = max(lasts(flow, app.figures) for flow in Flow)
    horizon, total = app.clock.now() - KEPT_FOR - longest, 0
    while dropped := await app.database.transact(queries.forget, horizon=horizon, most=DROPPED_AT_ONCE):
        total += dropped
    return total
