"""Limits, read and written in the money transaction: the caller holds the lock on the person's wallet account."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.figures import Figures
from venmo_api.limits import queries
from venmo_api.limits.rules import Flow, Meter, Slice, Standing, Window, horizon, limit
from venmo_api.users import service as users

SLICES_MOST = 100


async def read(tx: Transaction, flow: Flow, asked: Sequence[tuple[UUID, UUID, datetime]], figures: Figures) -> Meter:
    """The meter of these commands: (command, whose limit, when)."""
    rows = await queries.windows(tx, flow, [(one, person, horizon(at, figures)) for one, person, at in asked])
    windows = {one: Window(total or 0, expired or 0, last_at) for one, total, last_at, expired in rows}
    return Meter(flow, figures, windows)


async def write(tx: Transaction, meter: Meter) -> None:
    """Keep what was used."""
    if meter.uses:
        await queries.insert(tx, meter.uses)


async def standings(tx: Transaction, app: Adapters, user_id: UUID) -> list[Standing]:
    """Every limit of a person, as of now."""
    now = app.clock.now()
    verified = (await users.parties(tx, [user_id]))[user_id].verified
    return [await _standing(tx, app.figures, user_id, flow, now=now, verified=verified) for flow in Flow]


async def _standing(
    tx: Transaction, figures: Figures, user_id: UUID, flow: Flow, *, now: datetime, verified: bool
) -> Standing:
    since = horizon(now, figures)
    [(_, total, _, expired)] = await queries.windows(tx, flow, [(user_id, user_id, since)])
    counting = await queries.counting(tx, user_id, flow, horizon=since, most=SLICES_MOST)
    window = timedelta(seconds=figures.window_seconds)
    return Standing(
        flow,
        limit(flow, verified=verified, figures=figures),
        (total or 0) - (expired or 0),
        [Slice(one.amount, one.at + window) for one in counting],
    )
