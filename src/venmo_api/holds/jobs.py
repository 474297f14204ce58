"""Scheduled work of authorisations."""

from datetime import UTC, datetime
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.holds import queries, service

RELEASED_AT_ONCE = 200
FIRST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
log = structlog.get_logger()


async def expire_holds(app: Adapters) -> int:
    """Give back what was not captured in time; how many holds that were. One that fails holds up no other."""
    total, now, after = 0, app.clock.now(), FIRST
    while found := await app.database.transact(queries.overdue, now=now, after=after, most=RELEASED_AT_ONCE):
        total += [await _released(app, row.id) for row in found].count(True)
        after = (found[-1].expires_at, found[-1].id)
    return total


async def _released(app: Adapters, hold_id: UUID) -> bool:
    """False: somebody is at it, or it failed; the next run looks again."""
    try:
        return await app.database.transact(service.expire, app, hold_id)
    except Exception:
        log.exception("hold_not_released", hold=str(hold_id))
        return False
