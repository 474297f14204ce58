"""Payments that somebody looks at before they go on: released, cancelled, or given back when nobody decides in time.

Each step locks the accounts, then the transfer, and only then judges it: of steps that race, one wins.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.events import Event, TransferEnded, TransferPended, TransferReleased
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Book
from venmo_api.ledger.rules import fees_account
from venmo_api.outbox import service as outbox
from venmo_api.risk import lists
from venmo_api.transfers import queries, review_rules, rules, service
from venmo_api.transfers.review_rules import PartyListed, PaymentNotHeld, RecipientGone, RiskCaseNotFound
from venmo_api.transfers.rules import Status, Transfer
from venmo_api.users import service as users


async def release(tx: Transaction, app: Adapters, transfer_id: UUID) -> Transfer:
    """Let a held payment go on: settled, or waiting for its recipient to sign up. The caller has locked the request it
    settles. Raises RiskCaseNotFound, PaymentNotHeld, PartyListed, RecipientGone."""
    row = await find(tx, transfer_id)
    people = [person for person in (row.sender_id, row.recipient_id) if person]
    fees = {fees_account(row.sender_id)} if row.goods_and_services or row.fee else set()
    book = await ledger.open(tx, {*people, *fees}, holds=[transfer_id])
    held, now = await _locked(tx, app, transfer_id), app.clock.now()
    review_rules.require_held(held, now)
    if await lists.stands(tx, people, contact=row.contact):
        raise PartyListed
    if held.recipient is None:
        released = review_rules.let_wait(held, figures=app.figures, at=now)
    else:
        if await users.hidden(tx, [(held.sender.id, held.recipient.id)]):
            raise RecipientGone
        recipient = (await users.parties(tx, people))[held.recipient.id]
        released = review_rules.release(held, recipient, book=book, figures=app.figures, at=now)
    await queries.conclude(tx, released)
    await ledger.close(tx, book)
    await outbox.emit(tx, _released(released, now), new_id=app.new_id)
    return released


async def cancel(tx: Transaction, app: Adapters, transfer_id: UUID) -> Transfer:
    """Give a held payment back to its sender. Raises RiskCaseNotFound, PaymentNotHeld."""
    row = await find(tx, transfer_id)
    book = await ledger.open(tx, [row.sender_id], holds=[transfer_id])
    held = await _locked(tx, app, transfer_id)
    review_rules.require_held(held, app.clock.now())
    return await _give_back(tx, app, held, book, Status.CANCELLED)


async def expire(tx: Transaction, app: Adapters, transfer_id: UUID, *, sender_id: UUID) -> bool:
    """Give back what nobody has decided in time. False when it has ended meanwhile."""
    book = await ledger.open(tx, [sender_id], holds=[transfer_id])
    held = await _locked(tx, app, transfer_id)
    if held.status is not Status.HELD or rules.as_of(held, app.clock.now()).status is not Status.EXPIRED:
        return False
    await _give_back(tx, app, held, book, Status.EXPIRED)
    return True


async def give_back_unwanted(tx: Transaction, app: Adapters, request_id: UUID) -> bool:
    """A request has ended without being paid: what was held to pay it goes back. False: nothing was."""
    row = await queries.held_for(tx, request_id)
    if row is None:
        return False
    try:
        await cancel(tx, app, row.id)
    except PaymentNotHeld:  # decided meanwhile, or about to be given back
        return False
    return True


async def pays(tx: Transaction, request_id: UUID) -> bool:
    """Whether a payment that is held would settle this request, which the caller has locked."""
    return await queries.held_for(tx, request_id) is not None


async def find(tx: Transaction, transfer_id: UUID) -> Any:
    """The row of a payment, unlocked. Raises RiskCaseNotFound."""
    rows = await queries.by_ids(tx, [transfer_id])
    if not rows:
        raise RiskCaseNotFound
    return rows[0]


async def _give_back(tx: Transaction, app: Adapters, held: Transfer, book: Book, status: Status) -> Transfer:
    ended = review_rules.give_back(held, book=book, at=app.clock.now(), status=status)
    await queries.conclude(tx, ended)
    await ledger.close(tx, book)
    event = TransferEnded(ended.id, ended.sender.id, ended.status, ended.settled_at, was=Status.HELD)
    await outbox.emit(tx, [event], new_id=app.new_id)
    return ended


async def _locked(tx: Transaction, app: Adapters, transfer_id: UUID) -> Transfer:
    return (await service.with_cards(tx, app, [await queries.lock(tx, transfer_id)]))[0]


def _released(transfer: Transfer, at: datetime) -> list[Event]:
    sender, recipient = transfer.sender.id, transfer.recipient
    if recipient is None:
        return [TransferPended(transfer.id, sender, transfer.amount, transfer.currency, at)]
    released = TransferReleased(
        transfer.id, sender, recipient.id, transfer.amount, transfer.currency, transfer.settled_at
    )
    return [service.announcement(transfer), released]
