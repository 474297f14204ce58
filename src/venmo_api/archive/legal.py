"""Legal holds: what nobody may remove, from when it is placed until it is released."""

from datetime import date
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import queries, rules
from venmo_api.archive.rules import Hold, NoSuchHold


async def place(
    tx: Transaction,
    app: Adapters,
    *,
    reason: str,
    shelf: str | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    subject_id: UUID | None = None,
) -> UUID:
    """Hold what is named, and all of what is not. From the commit on nothing of it expires, is compacted away or
    erased. Raises InvalidHold."""
    rules.require_hold(reason=reason, shelf=shelf, first_day=first_day, last_day=last_day)
    hold = Hold(app.new_id(), shelf, first_day, last_day, subject_id, reason, app.wall_clock.now())
    await queries.become_archivist(tx)
    await queries.holds_turn(tx)
    await queries.hold(tx, hold)
    return hold.id


async def release(tx: Transaction, app: Adapters, hold_id: UUID) -> None:
    """Raises NoSuchHold."""
    await queries.become_archivist(tx)
    if not await queries.release(tx, hold_id, at=app.wall_clock.now()):
        raise NoSuchHold


async def against_erasing(tx: Transaction, person: UUID) -> list[str]:
    """Why a person may not be forgotten in this transaction: the holds that are theirs, or everybody's."""
    await queries.holds_turn(tx)
    held = [hold for hold in await queries.holds(tx) if hold.subject_id in {None, person}]
    return [f"a legal hold is on what they did: {hold.reason}" for hold in held]
