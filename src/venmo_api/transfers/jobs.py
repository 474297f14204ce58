"""Scheduled work of transfers."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.transfers import claims, funding, queries, reviews, schemas

RETURNED_AT_ONCE = 200
FIRST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
log = structlog.get_logger()


async def return_unclaimed(app: Adapters) -> int:
    """Give back payments that nobody has claimed in time; how many. One that fails holds up no other."""
    total, now, after = 0, app.clock.now(), FIRST
    while found := await app.database.transact(queries.unclaimed, now=now, after=after, most=RETURNED_AT_ONCE):
        total += [await _returned(app, row, claims.expire) for row in found].count(True)
        after = (found[-1].expires_at, found[-1].id)
    return total


async def return_undecided(app: Adapters) -> int:
    """Give back payments that nobody has decided in time; how many. One that fails holds up no other."""
    total, now, after = 0, app.clock.now(), FIRST
    while found := await app.database.transact(queries.undecided, now=now, after=after, most=RETURNED_AT_ONCE):
        total += [await _returned(app, row, reviews.expire) for row in found].count(True)
        after = (found[-1].expires_at, found[-1].id)
    return total


async def settle_fundings(app: Adapters) -> int:
    """Ask again for what cards and banks have not paid yet; how many payments have ended."""
    return await funding.settle_stuck(app, schemas.funded_reply)


async def _returned(app: Adapters, row: Any, expire: Callable[..., Awaitable[bool]]) -> bool:
    """False: it has ended meanwhile, or it failed and is tried again with the next run."""
    try:
        return await app.database.transact(expire, app, row.id, sender_id=row.sender_id)
    except Exception:
        log.exception("transfer_not_returned", transfer=str(row.id))
        return False
