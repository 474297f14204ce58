"""Payments to people who have not signed up: claimed by who proves the contact, cancelled, or returned in the end.

Each step locks the sender's account, then the transfer, and only then judges it: of steps that race, one wins.
"""

import dataclasses
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.events import TransferClaimed, TransferEnded
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Book
from venmo_api.ledger.rules import fees_account
from venmo_api.outbox import service as outbox
from venmo_api.risk import lists
from venmo_api.transfers import queries, rules, service
from venmo_api.transfers.rules import Status, Transfer, TransferNotFound, TransferNotPending
from venmo_api.users import service as users


async def claim(tx: Transaction, app: Adapters, transfer_id: UUID) -> bool:
    """Settle a pending transfer to whoever has verified its contact; if that is the sender, they have it back.

    False when nobody may have it, or no longer; nor may who is hidden from its sender, or when one of the two is listed
    by now: it goes back in the end.
    """
    found = await queries.claimable(tx, transfer_id)
    if found is None:
        return False
    accounts = {found.sender_id, found.claimer_id}
    if found.goods_and_services or found.fee:
        accounts.add(fees_account(found.sender_id))
    book = await ledger.open(tx, accounts, holds=[transfer_id])
    pending, now = await _locked(tx, app, transfer_id), app.clock.now()
    if not await queries.awaits_claim(tx, transfer_id) or (pending.expires_at and pending.expires_at <= now):
        return False
    if found.claimer_id == found.sender_id:
        await _return(tx, app, pending, book, Status.CANCELLED)
        return True
    if await users.hidden(tx, [(found.sender_id, found.claimer_id)]):
        return False
    if await lists.stands(tx, [found.sender_id, found.claimer_id], contact=found.contact):
        return False
    claimer = (await users.parties(tx, [found.claimer_id]))[found.claimer_id]
    settled = rules.settle_claim(pending, claimer, book=book, figures=app.figures, at=now)
    await queries.end(tx, settled)
    await ledger.close(tx, book)
    claimed = TransferClaimed(
        settled.id, settled.sender.id, claimer.card.id, settled.amount, settled.currency, settled.settled_at
    )
    await outbox.emit(tx, [service.announcement(settled), claimed], new_id=app.new_id)
    return True


async def cancel(tx: Transaction, app: Adapters, user_id: UUID, transfer_id: UUID) -> Transfer:
    """Take back what nobody has claimed yet; asked again, the same. Raises TransferNotFound, TransferNotPending."""
    row = await queries.get(tx, transfer_id, user_id)
    if row is None or row.sender_id != user_id:
        raise TransferNotFound
    book = await ledger.open(tx, [user_id], holds=[transfer_id])
    pending = await _locked(tx, app, transfer_id)
    if pending.status is Status.CANCELLED:
        return pending
    stands = rules.as_of(pending, app.clock.now())
    if stands.status is not Status.PENDING or not await queries.awaits_claim(tx, transfer_id):
        raise TransferNotPending(stands)
    return await _return(tx, app, pending, book, Status.CANCELLED)


async def expire(tx: Transaction, app: Adapters, transfer_id: UUID, *, sender_id: UUID) -> bool:
    """Give back what nobody has claimed in time. False when it has ended meanwhile."""
    book = await ledger.open(tx, [sender_id], holds=[transfer_id])
    pending = await _locked(tx, app, transfer_id)
    if not await queries.awaits_claim(tx, transfer_id):
        return False
    await _return(tx, app, pending, book, Status.EXPIRED)
    return True


async def _locked(tx: Transaction, app: Adapters, transfer_id: UUID) -> Transfer:
    return (await service.with_cards(tx, app, [await queries.lock(tx, transfer_id)]))[0]


async def _return(tx: Transaction, app: Adapters, pending: Transfer, book: Book, status: Status) -> Transfer:
    now = app.clock.now()
    # What is overdue ended when its time was over, however late that is written down.
    ended_at = max(min(now, pending.expires_at or now), pending.created_at)
    book.release(pending.id, at=max(now, pending.created_at))
    ended = dataclasses.replace(pending, status=status, ended_at=ended_at)
    await queries.end(tx, ended)
    await ledger.close(tx, book)
    event = TransferEnded(ended.id, ended.sender.id, status, ended_at)
    await outbox.emit(tx, [event], new_id=app.new_id)
    return ended
