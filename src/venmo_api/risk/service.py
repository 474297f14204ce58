"""Screening in the money transaction: the caller holds the locks of the accounts, which guard their counters."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.risk import queries
from venmo_api.risk.desk import EPOCH, MICROSECOND, Desk, Known

LATENCY_MOST_US = 2**31 - 1
log = structlog.get_logger()


async def read(tx: Transaction, app: Adapters, people: Collection[UUID]) -> Desk:
    """What payments and cash-outs of these people are screened with."""
    policy, began = app.figures.risk, app.wall_clock.now()
    rows = await queries.read(tx, sorted(people), policy=policy.version)
    known = {person: Known(record, lists, snoozes) for person, record, lists, snoozes, _, _ in rows}
    _, _, _, _, frozen_through, policy_known = rows[0] if rows else (None,) * 6
    floor_us = (frozen_through - EPOCH) // MICROSECOND if frozen_through else 0
    return Desk(policy, app.scorer, known, {}, floor_us, bool(policy_known), began)


async def listed(
    tx: Transaction, app: Adapters, contacts: Iterable[tuple[str, str, str]]
) -> Mapping[str, Sequence[str]]:
    """The lists that contacts stand on, by alias: (kind, canonical value, alias). Nothing is asked when there are none,
    as usual. Raises KeyAway."""
    aliases = {index: alias for kind, value, alias in contacts for index in app.keys.indexes(kind, value)}
    found: dict[str, list[str]] = {}
    for contact, name in await queries.listed(tx, list(aliases)) if aliases else ():
        found.setdefault(aliases[contact], []).append(name)
    return found


async def write(tx: Transaction, app: Adapters, desk: Desk) -> None:
    """Keep what was decided, and what it counted."""
    if not desk.judged:
        return
    latency_us = (app.wall_clock.now() - desk.began) // MICROSECOND
    if not desk.policy_known:
        figures = json.dumps(desk.policy.document)
        await queries.keep_policy(tx, desk.policy, figures, at=desk.judged[0].asked.at)
    if degraded := sum(one.facts.degraded for one in desk.judged):
        unreadable = sum(seated.unreadable for seated in desk.seats.values())
        log.warning("risk_degraded", decisions=degraded, unreadable=unreadable)
    await queries.count(tx, [(seated.id, seated.counters) for seated in desk.seats.values() if seated.counted])
    await queries.log(tx, desk.judged, policy=desk.policy.version, latency_us=min(max(latency_us, 0), LATENCY_MOST_US))
