"""Limits, read and written in the money transaction: the caller holds the lock on the person's wallet account."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth.rules import is_new_device
from venmo_api.core.figures import Figures
from venmo_api.limits import queries
from venmo_api.limits.rules import Flow, Meter, Slice, Standing, Window, horizon, lasts, limit
from venmo_api.users import service as users

SLICES_MOST = 100


async def read(tx: Transaction, flow: Flow, asked: Sequence[tuple[UUID, UUID, datetime]], figures: Figures) -> Meter:
    """The meter of these commands: (command, whose limit, when)."""
    rows = await queries.windows(tx, flow, [(one, person, horizon(flow, at, figures)) for one, person, at in asked])
    windows = {one: Window(total or 0, expired or 0, last_at) for one, total, last_at, expired in rows}
    return Meter(flow, figures, windows)


async def read_new_device(
    tx: Transaction, asked: Sequence[tuple[UUID, UUID, datetime, datetime | None]], figures: Figures
) -> Meter | None:
    """The meter of those of these commands that come from a new device: (command, whose limit, when, since when the
    device is known; None: it is trusted). Nothing is asked when there are none, as usual."""
    new = [
        (one, person, at)
        for one, person, at, since in asked
        if is_new_device(since, at=at, seconds=figures.new_device_seconds)
    ]
    return await read(tx, Flow.SENT_NEW_DEVICE, new, figures) if new else None


async def write(tx: Transaction, meter: Meter) -> None:
    """Keep what was used."""
    uses = [*meter.uses, *meter.new_device.uses] if meter.new_device else meter.uses
    if uses:
        await queries.insert(tx, uses)


async def standings(
    tx: Transaction, app: Adapters, user_id: UUID, *, device_since: datetime | None = None
) -> list[Standing]:
    """Every limit of a person, as of now; that of new devices if they ask from one."""
    now = app.clock.now()
    verified = (await users.parties(tx, [user_id]))[user_id].verified
    new = is_new_device(device_since, at=now, seconds=app.figures.new_device_seconds)
    flows = [flow for flow in Flow if new or flow is not Flow.SENT_NEW_DEVICE]
    return [await _standing(tx, app.figures, user_id, flow, now=now, verified=verified) for flow in flows]


async def _standing(
    tx: Transaction, figures: Figures, user_id: UUID, flow: Flow, *, now: datetime, verified: bool
) -> Standing:
    since = horizon(flow, now, figures)
    [(_, total, _, expired)] = await queries.windows(tx, flow, [(user_id, user_id, since)])
    counting = await queries.counting(tx, user_id, flow, horizon=since, most=SLICES_MOST)
    window = lasts(flow, figures)
    return Standing(
        flow,
        limit(flow, verified=verified, figures=figures),
        (total or 0) - (expired or 0),
        int(window.total_seconds()),
        [Slice(one.amount, one.at + window) for one in counting],
    )
