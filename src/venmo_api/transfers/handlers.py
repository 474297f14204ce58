"""What transfers do when something has happened. Every handler may run twice."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import addresses
from venmo_api.core.errors import Unavailable
from venmo_api.core.events import ContactVerified, Event, RequestEnded, TransferPended
from venmo_api.risk import lists
from venmo_api.transfers import claims, queries, reviews

log = structlog.get_logger()


async def claim(app: Adapters, events: Sequence[Event]) -> None:
    """Somebody has proved a contact: what was paid to it is theirs, and so is the list it stands on."""
    for event in events:
        if isinstance(event, ContactVerified):
            await _claim(app, await app.database.transact(_owned, app, event))


async def claim_at_once(app: Adapters, events: Sequence[Event]) -> None:
    """A payment waits for a contact that somebody may have proved while it was being made."""
    await _claim(app, [event.transfer_id for event in events if isinstance(event, TransferPended)])


async def give_back_unwanted(app: Adapters, events: Sequence[Event]) -> None:
    """A request has ended: a payment of it that is held is wanted no more."""
    for event in events:
        if isinstance(event, RequestEnded) and event.status != "settled":
            await app.database.transact(reviews.give_back_unwanted, app, event.request_id)


async def _owned(tx: Transaction, app: Adapters, event: ContactVerified) -> Sequence[UUID]:
    proved = [contact for _, contact in await addresses.of(tx, app, [event.user_id]) if contact.verified]
    forms = [form for contact in proved for form in app.keys.indexes(contact.kind, contact.address)]
    await lists.inherit(tx, event.user_id, forms, new_id=app.new_id, at=app.clock.now())
    return await queries.awaiting(tx, event.user_id, event.kind)


async def _claim(app: Adapters, transfer_ids: Iterable[UUID]) -> None:
    """Each in its own transaction; one that fails holds up no other, and has the event delivered again."""
    failed: Exception | None = None
    for transfer_id in transfer_ids:
        try:
            await app.database.transact(claims.claim, app, transfer_id)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("transfer_stays_pending", transfer=str(transfer_id))
            failed = error
    if failed is not None:
        raise failed
