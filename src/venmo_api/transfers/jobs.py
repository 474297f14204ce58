"""Scheduled work of transfers."""

from typing import Any

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.transfers import claims, funding, queries, schemas

RETURNED_AT_ONCE = 200
log = structlog.get_logger()


async def return_unclaimed(app: Adapters) -> int:
    """Give back payments that nobody has claimed in time; how many. One that fails holds up no other."""
    total = 0
    while found := await app.database.transact(queries.unclaimed, now=app.clock.now(), most=RETURNED_AT_ONCE):
        outcomes = [await _returned(app, row) for row in found]
        total += outcomes.count(True)
        if None in outcomes or len(found) < RETURNED_AT_ONCE:
            break
    return total


async def settle_fundings(app: Adapters) -> int:
    """Ask again for what cards and banks have not paid yet; how many payments have ended."""
    return await funding.settle_stuck(app, schemas.funded_reply)


async def _returned(app: Adapters, row: Any) -> bool | None:
    """None: it failed, and is tried again with the next run."""
    try:
        return await app.database.transact(claims.expire, app, row.id, sender_id=row.sender_id)
    except Exception:
        log.exception("transfer_not_returned", transfer=str(row.id))
        return None
