"""Scheduled work of payment requests."""

from venmo_api.adapters.bundle import Adapters
from venmo_api.requests import service

EXPIRED_AT_ONCE = 500


async def expire_requests(app: Adapters) -> int:
    """End requests that were not paid in time; how many. One that somebody is working on waits for the next run."""
    total = 0
    while expired := await app.database.transact(service.expire, app, most=EXPIRED_AT_ONCE):
        total += expired
    return total
