"""Scheduled work of the wallet."""

from venmo_api.adapters.bundle import Adapters
from venmo_api.wallet import cash_outs, schemas, top_ups


async def settle_top_ups(app: Adapters) -> int:
    """Ask the bank again for top-ups that are pending, or whose process died before they ended; how many have ended."""
    return await top_ups.settle_stuck(app, schemas.top_up_reply)


async def settle_cash_outs(app: Adapters) -> int:
    """The same of cash-outs."""
    return await cash_outs.settle_stuck(app, schemas.cash_out_reply)
