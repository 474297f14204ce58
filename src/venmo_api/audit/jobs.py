"""Scheduled work of the audit trail."""

from venmo_api.adapters.bundle import Adapters
from venmo_api.audit import service


async def chain(app: Adapters) -> int:
    """Chain all that was noted; how many entries."""
    total = 0
    while chained := await app.database.transact(service.chain):
        total += chained
    return total
