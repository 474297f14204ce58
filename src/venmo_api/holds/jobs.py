"""Scheduled work of authorisations."""

from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.holds import queries, service

RELEASED_AT_ONCE = 200
log = structlog.get_logger()


async def expire_holds(app: Adapters) -> int:
    """Give back what was not captured in time; how many holds that were. One that fails holds up no other."""
    total = 0
    while found := await app.database.transact(queries.overdue, now=app.clock.now(), most=RELEASED_AT_ONCE):
        released = [await _released(app, hold_id) for hold_id in found].count(True)
        total += released
        if released < RELEASED_AT_ONCE:
            break
    return total


async def _released(app: Adapters, hold_id: UUID) -> bool:
    """False: somebody is at it, or it failed; the next run looks again."""
    try:
        return await app.database.transact(service.expire, app, hold_id)
    except Exception:
        log.exception("hold_not_released", hold=str(hold_id))
        return False
