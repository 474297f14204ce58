"""The money path: open the book, decide, close the book, for all the payments that are waiting."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.core.events import Event, TransferHeld, TransferPended, TransferSettled
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Claim, Known, Reply, judge
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Book
from venmo_api.ledger.rules import fees_account
from venmo_api.limits import service as limits
from venmo_api.limits.rules import Flow
from venmo_api.outbox import service as outbox
from venmo_api.risk import service as risk
from venmo_api.transfers import queries, rules, strangers
from venmo_api.transfers.payees import Attempts
from venmo_api.transfers.rules import Case, Contact, Pay, Status, Transfer, TransferNotFound
from venmo_api.users import service as users
from venmo_api.users.rules import Audience, Card

Render = Callable[[Pay, Transfer | AppError], Reply]
"""How an outcome is answered; the bytes are kept with the key."""


async def pay(tx: Transaction, commands: Sequence[Pay], *, app: Adapters, render: Render) -> list[Reply | AppError]:
    """Decide each command in turn, in one transaction; the reply of each, in order, or a refusal that binds no key.

    A refused command leaves its neighbours alone, and a batch of n does what n batches of one would do. A command
    whose key is known is answered as the first time and moves nothing.
    """
    recipients = await named(tx, app, commands)
    people = {command.sender_id for command in commands} | {person for person in recipients if person}
    fees = {fees_account(command.sender_id) for command in commands if command.goods_and_services}
    book = await ledger.open(tx, people | fees)
    case = await case_of(tx, commands, recipients, book=book, app=app)
    attempted = dict(case.attempts)

    answers: list[Reply | AppError] = []
    moved: list[Transfer] = []
    remembered: list[tuple[Claim, Reply]] = []
    for command, recipient_id in zip(commands, recipients, strict=True):
        bound = judge(command.claim, case.known.get(command.claim.scope))
        if bound is not None:
            answers.append(bound)
            continue
        outcome = _decided(command, recipient_id, case)
        if isinstance(outcome, AppError) and not rules.is_remembered(outcome):
            answers.append(outcome)
            continue
        if isinstance(outcome, Transfer):
            moved.append(outcome)
        reply = render(command, outcome)
        answers.append(reply)
        remembered.append((command.claim, reply))
        case.known[command.claim.scope] = Known(command.claim.fingerprint, reply)

    claims = [claim for claim, _ in remembered]
    await idempotency.remember(tx, claims, await idempotency.sealed(tx, app, remembered))
    await note_guesses(tx, app, case, attempted)
    await risk.write(tx, app, case.desk)
    if moved:
        await write(tx, app, case, moved)
    return answers


async def pay_one(tx: Transaction, command: Pay, *, app: Adapters, render: Render) -> Reply | AppError:
    """A payment that shares its transaction with something else."""
    return (await pay(tx, [command], app=app, render=render))[0]


async def write(tx: Transaction, app: Adapters, case: Case, transfers: Sequence[Transfer]) -> None:
    """Keep new transfers with all they moved, and announce them."""
    await queries.insert(tx, transfers, strangers=await strangers.sealed(tx, app, transfers))
    await ledger.close(tx, case.book)
    await limits.write(tx, case.meter)
    await outbox.emit(tx, [announcement(transfer) for transfer in transfers], new_id=app.new_id)


async def named(tx: Transaction, app: Adapters, commands: Sequence[Pay]) -> list[UUID | None]:
    """Whom each command names; None: nobody has signed up under the name."""
    names = [command.recipient for command in commands if isinstance(command.recipient, tuple)]
    found = await users.find(tx, app, names)
    return [
        found.get(command.recipient) if isinstance(command.recipient, tuple) else command.recipient
        for command in commands
    ]


async def case_of(
    tx: Transaction, commands: Sequence[Pay], recipients: Sequence[UUID | None], *, book: Book, app: Adapters
) -> Case:
    """What these commands are decided on; the accounts in ``book`` are locked."""
    asked = [(command.transfer_id, command.sender_id, command.at) for command in commands]
    by_device = [(command.transfer_id, command.sender_id, command.at, command.device_since) for command in commands]
    sides = [(command.sender_id, named) for command, named in zip(commands, recipients, strict=True) if named]
    contacts = [
        (*command.recipient, command.alias)
        for command in commands
        if command.alias and isinstance(command.recipient, tuple)
    ]
    parties = {command.sender_id for command in commands} | {person for _, person in sides}
    known, people, hidden, meter, new_device, earlier, desk, listed = await tx.together(
        idempotency.known(tx, [command.claim for command in commands]),
        users.parties(tx, parties),
        users.hidden(tx, sides),
        limits.read(tx, Flow.SENT, asked, app.figures),
        limits.read_new_device(tx, by_device, app.figures),
        _earlier(tx, commands, recipients, app),
        risk.read(tx, app, parties),
        risk.listed(tx, app, contacts),
    )
    meter.new_device, desk.contacts = new_device, listed
    case = Case(
        book=book,
        meter=meter,
        figures=app.figures,
        earlier=earlier,
        known=known,
        people=people,
        friends=frozenset(),
        proofs={},
        attempts={},
        hidden=hidden,
        desk=desk,
    )
    pairs = {
        (command.sender_id, recipient)
        for command, recipient in zip(commands, recipients, strict=True)
        if recipient and command.amount > app.figures.confirm_payee_above
        if (command.sender_id, recipient) not in hidden
    }
    if pairs:
        case.friends = await users.befriended(tx, pairs)
        guessed = any(command.confirmation and command.confirmation.phone_last4 for command in commands)
        case.proofs = await users.payee_proofs(tx, app, {recipient for _, recipient in pairs}, digits_needed=guessed)
        case.attempts = {
            (row.sender_id, row.recipient_id): Attempts(row.confirmed_at is not None, row.wrong, row.wrong_since)
            for row in await queries.attempts(tx, sorted(pairs))
        }
    return case


async def note_guesses(
    tx: Transaction, app: Adapters, case: Case, before: Mapping[tuple[UUID, UUID], Attempts]
) -> None:
    """Keep what payers have shown to know of payees since ``before``, wrong guesses too."""
    guessed = {pair: one for pair, one in case.attempts.items() if one != before.get(pair)}
    await queries.note_attempts(tx, guessed, app.clock.now())


async def get(tx: Transaction, app: Adapters, user_id: UUID, transfer_id: UUID) -> tuple[Transfer, Sequence[UUID]]:
    """One of the user's own transfers, and its refunds. Raises TransferNotFound, also for those of others."""
    row = await queries.get(tx, transfer_id, user_id)
    if row is None:
        raise TransferNotFound
    [transfer] = await with_cards(tx, app, [row])
    return _seen_by(user_id, transfer, app.clock.now()), await queries.refunds_of(tx, transfer_id)


async def of_user(tx: Transaction, app: Adapters, user_id: UUID, page: PageRequest) -> Page[Transfer]:
    """What the user sent and received, newest first."""
    found, now = await with_cards(tx, app, await queries.of_user(tx, user_id, page)), app.clock.now()
    transfers = [_seen_by(user_id, transfer, now) for transfer in found]
    return cut(transfers, page.limit, lambda transfer: transfer.id)


def _seen_by(viewer: UUID, transfer: Transfer, now: datetime) -> Transfer:
    """As it stands now; what the sender's card cost is the sender's to know."""
    seen = rules.as_of(transfer, now)
    return seen if viewer == seen.sender.id or not seen.fee else replace(seen, fee=0)


def announcement(transfer: Transfer) -> Event:
    """What is told of a transfer that was made, or claimed, just now."""
    if transfer.status is Status.HELD:
        recipient_id = transfer.recipient.id if transfer.recipient else None
        return TransferHeld(
            transfer.id, transfer.sender.id, recipient_id, transfer.amount, transfer.currency, transfer.created_at
        )
    if transfer.recipient is None:
        return TransferPended(transfer.id, transfer.sender.id, transfer.amount, transfer.currency, transfer.created_at)
    return TransferSettled(
        transfer_id=transfer.id,
        sender_id=transfer.sender.id,
        recipient_id=transfer.recipient.id,
        amount=transfer.amount,
        currency=transfer.currency,
        note=transfer.note,
        audience=transfer.audience,
        at=transfer.settled_at,
    )


async def with_cards(tx: Transaction, app: Adapters, rows: Iterable[Any]) -> list[Transfer]:
    """Transfers from their rows, in order, with their people."""
    rows = list(rows)
    ids = {person for row in rows for person in (row.sender_id, row.recipient_id) if person}
    parties, contacts = await users.parties(tx, ids), await strangers.opened(tx, app, rows)
    return [
        from_row(
            row,
            sender=parties[row.sender_id].card,
            recipient=parties[row.recipient_id].card if row.recipient_id else None,
            contact=contacts.get(row.id),
        )
        for row in rows
    ]


def from_row(row: Any, *, sender: Card, recipient: Card | None, contact: Contact | None) -> Transfer:
    return Transfer(
        id=row.id,
        status=Status(row.status),
        amount=row.amount,
        currency=row.currency,
        note=row.note,
        audience=Audience(row.audience),
        sender=sender,
        recipient=recipient,
        created_at=row.created_at,
        contact=contact,
        fee=row.fee,
        seller_fee=row.seller_fee,
        goods_and_services=row.goods_and_services,
        refunded=row.refunded,
        refund_of=row.refund_of,
        hold_id=row.hold_id,
        settles=row.request_id,
        likeness=row.likeness,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
    )


async def _earlier(
    tx: Transaction, commands: Sequence[Pay], recipients: Sequence[UUID | None], app: Adapters
) -> dict[int, tuple[UUID, Any]]:
    window = timedelta(seconds=app.figures.duplicate_seconds)
    wary = [
        (likeness, command.at)
        for command, recipient in zip(commands, recipients, strict=True)
        if not command.allow_duplicate
        for likeness in command.likenesses(recipient)
    ]
    if not wary or not window:
        return {}
    return {likeness: (id, at) for likeness, id, at in await queries.earlier(tx, wary, window=window)}


def _decided(command: Pay, recipient_id: UUID | None, case: Case) -> Transfer | AppError:
    recipient = case.payee(command.sender_id, recipient_id)
    try:
        return rules.decide(command, sender=case.people[command.sender_id], recipient=recipient, case=case)
    except AppError as refusal:
        return refusal
