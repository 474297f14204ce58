"""Scheduled work of the wallet."""

from venmo_api.adapters.bundle import Adapters
from venmo_api.wallet import schemas, service


async def settle_stuck(app: Adapters) -> int:
    """Finish top-ups whose process died before the bank's answer was written down; how many."""
    return await service.settle_stuck(app, schemas.reply)
