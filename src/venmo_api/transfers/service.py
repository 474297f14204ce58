"""The money path: open the book, decide, close the book, for all the payments that are waiting."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.core.events import TransferSettled
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Claim, Known, Reply, judge
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Book
from venmo_api.outbox import service as outbox
from venmo_api.transfers import queries, rules
from venmo_api.transfers.rules import Pay, Status, Transfer, TransferNotFound
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

Render = Callable[[Pay, Transfer | AppError], Reply]
"""How an outcome is answered; the bytes are kept with the key."""


async def pay(tx: Transaction, commands: Sequence[Pay], *, app: Adapters, render: Render) -> list[Reply | AppError]:
    """Decide each command in turn, in one transaction; the reply of each, in order, or a refusal that binds no key.

    A refused command leaves its neighbours alone, and a batch of n does what n batches of one would do. A command
    whose key is known is answered as the first time and moves nothing.
    """
    found = await users.find(tx, [command.recipient for command in commands if isinstance(command.recipient, tuple)])
    recipients = [
        found.get(command.recipient) if isinstance(command.recipient, tuple) else command.recipient
        for command in commands
    ]
    people = {command.sender_id for command in commands} | {person for person in recipients if person}
    book = await ledger.open(tx, people)
    parties = await users.parties(tx, people)
    known = await idempotency.known(tx, [command.claim for command in commands])

    answers: list[Reply | AppError] = []
    settled: list[Transfer] = []
    remembered: list[tuple[Claim, Reply]] = []
    for command, recipient_id in zip(commands, recipients, strict=True):
        bound = judge(command.claim, known.get(command.claim.scope))
        if bound is not None:
            answers.append(bound)
            continue
        outcome = _decided(command, parties, recipient_id, book)
        if isinstance(outcome, AppError) and not rules.is_remembered(outcome):
            answers.append(outcome)
            continue
        if isinstance(outcome, Transfer):
            settled.append(outcome)
        reply = render(command, outcome)
        answers.append(reply)
        remembered.append((command.claim, reply))
        known[command.claim.scope] = Known(command.claim.fingerprint, reply)

    await idempotency.remember(tx, [claim for claim, _ in remembered], [reply for _, reply in remembered])
    if settled:
        await queries.insert(tx, settled)
        await ledger.close(tx, book)
        await outbox.emit(tx, [_settled(transfer) for transfer in settled], new_id=app.new_id)
    return answers


async def get(tx: Transaction, user_id: UUID, transfer_id: UUID) -> Transfer:
    """One of the user's own transfers. Raises TransferNotFound, also for those of others."""
    row = await queries.get(tx, transfer_id, user_id)
    if row is None:
        raise TransferNotFound
    return (await _with_cards(tx, [row]))[0]


async def of_user(tx: Transaction, user_id: UUID, page: PageRequest) -> Page[Transfer]:
    """What the user sent and received, newest first."""
    transfers = await _with_cards(tx, await queries.of_user(tx, user_id, page))
    return cut(transfers, page.limit, lambda transfer: transfer.id)


def _decided(command: Pay, parties: users.Parties, recipient_id: UUID | None, book: Book) -> Transfer | AppError:
    recipient = parties.get(recipient_id) if recipient_id else None
    try:
        return rules.decide(command, sender=parties[command.sender_id], recipient=recipient, book=book)
    except AppError as refusal:
        return refusal


def _settled(transfer: Transfer) -> TransferSettled:
    return TransferSettled(
        transfer_id=transfer.id,
        sender_id=transfer.sender.id,
        recipient_id=transfer.recipient.id,
        amount=transfer.amount,
        currency=transfer.currency,
        note=transfer.note,
        audience=transfer.audience,
        at=transfer.created_at,
    )


async def _with_cards(tx: Transaction, rows: Iterable[Any]) -> list[Transfer]:
    rows = list(rows)
    parties = await users.parties(tx, [person for row in rows for person in (row.sender_id, row.recipient_id)])
    return [
        Transfer(
            id=row.id,
            status=Status(row.status),
            amount=row.amount,
            currency=row.currency,
            note=row.note,
            audience=Audience(row.audience),
            sender=parties[row.sender_id].card,
            recipient=parties[row.recipient_id].card,
            created_at=row.created_at,
        )
        for row in rows
    ]
