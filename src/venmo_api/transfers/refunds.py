"""Refunds: whoever was paid gives money back, in parts or all of it, never more than came.

Fees are not given back. Who has spent the money owes it: the house advances what is missing, up to a limit, and
money that comes in repays the house first.
"""

from collections.abc import Callable

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.core.events import TransferRefunded
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Reply
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Book, Posting
from venmo_api.ledger.rules import InsufficientFunds
from venmo_api.limits import service as limits
from venmo_api.outbox import service as outbox
from venmo_api.transfers import queries, returns, rules, service
from venmo_api.transfers.rules import Refund, Status, Transfer, TransferNotFound
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

Render = Callable[[Refund, Transfer | AppError], Reply]
"""How an outcome is answered; the bytes are kept with the key."""


async def refund(tx: Transaction, command: Refund, *, app: Adapters, render: Render) -> Reply:
    """Give money back; the answer, fresh or replayed, also that there is not enough of it.

    Raises TransferNotFound, IdempotencyKeyReused, NewDeviceLimit and what ``returns.refundable`` raises, and then binds
    no key.
    """
    claim = command.claim
    row = await queries.get(tx, command.original_id, claim.user_id)
    if row is None:
        raise TransferNotFound
    book = await ledger.open(tx, [person for person in (row.sender_id, row.recipient_id) if person])
    if replay := await idempotency.replayed(tx, claim):
        return replay
    [found] = await service.with_cards(tx, app, [await queries.lock(tx, command.original_id)])
    original = rules.as_of(found, command.at)
    amount = returns.refundable(original, command)
    giver = (await users.parties(tx, [claim.user_id]))[claim.user_id]
    by_device = [(command.refund_id, claim.user_id, command.at, command.device_since)]
    new_device = await limits.read_new_device(tx, by_device, app.figures)
    if new_device is not None:  # what a thief of the password gives back to an accomplice is gone like what they send
        new_device.use(command.refund_id, claim.user_id, amount, at=command.at, verified=giver.verified)
    outcome: Transfer | AppError
    try:
        short = returns.shortfall(book, giver, amount, app.figures)
    except InsufficientFunds as refusal:
        outcome = refusal
    else:
        if short:
            await ledger.let_owe(tx, book, claim.user_id, at=command.at)
            book.advance(app.new_id(), claim.user_id, short, at=command.at)
        outcome = _given_back(command, original, amount, book)
        await _write(tx, app, outcome, original, book)
        if new_device is not None:
            await limits.write(tx, new_device)
    reply = render(command, outcome)
    await idempotency.remember(tx, [claim], [reply])
    return reply


def _given_back(command: Refund, original: Transfer, amount: int, book: Book) -> Transfer:
    giver, getter = original.recipient, original.sender
    assert giver is not None
    posted = book.post(Posting(command.refund_id, "refund", command.at, ((giver.id, -amount), (getter.id, amount))))
    return Transfer(
        id=command.refund_id,
        status=Status.SETTLED,
        amount=amount,
        currency=original.currency,
        note=command.note or original.note,
        audience=Audience.PRIVATE,
        sender=giver,
        recipient=getter,
        created_at=posted.at,
        refund_of=original.id,
    )


async def _write(tx: Transaction, app: Adapters, given: Transfer, original: Transfer, book: Book) -> None:
    await queries.insert(tx, [given], strangers={})
    await queries.give_back(tx, original.id, given.amount)
    await ledger.close(tx, book)
    event = TransferRefunded(
        transfer_id=given.id,
        refund_of=original.id,
        sender_id=given.sender.id,
        recipient_id=original.sender.id,
        amount=given.amount,
        currency=given.currency,
        at=given.created_at,
    )
    await outbox.emit(tx, [event], new_id=app.new_id)
