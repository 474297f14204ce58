"""Payments that the balance does not cover, and a card or bank pays the rest of. How they survive a crash is told in
``wallet.asking``.

The balance's part is held and the payment is pending until the bank has answered. Then the accounts are locked before
the transfer, as everywhere: of steps that race, one wins.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from venmo_api.adapters.bank import BankAnswer
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.core.events import Event, TransferEnded
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Claim, Reply
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Book
from venmo_api.ledger.rules import bank_account, fees_account
from venmo_api.limits import service as limits
from venmo_api.limits.rules import Flow
from venmo_api.outbox import service as outbox
from venmo_api.risk import service as risk
from venmo_api.transfers import parts, queries, rules, service, strangers
from venmo_api.transfers.parts import Funding
from venmo_api.transfers.rules import Pay, Status, Transfer
from venmo_api.wallet import asking
from venmo_api.wallet import queries as wallet_queries
from venmo_api.wallet import service as wallet
from venmo_api.wallet.rules import BankDeclined, Source

DECLINED = "The bank refused to pay its part, so nothing was paid; try another funding source or a smaller amount."
Render = Callable[[str, Transfer | AppError, int], Reply]
"""How an outcome is answered: request id, outcome, and what a card or bank is charged. The bytes are kept with the
key."""


async def pay(app: Adapters, command: Pay, source_id: UUID, render: Render) -> Reply | AppError:
    """Pay from the balance if it covers the amount, else the rest from a funding source; the answer, fresh or replayed,
    or a refusal that binds no key.

    Raises FundingSourceNotFound, IdempotencyKeyReused, OperationInFlight, and Unavailable when the bank does not
    answer.
    """
    begun = await app.database.transact(_begin, command, source_id, app=app, render=render)
    if not isinstance(begun, Funding):
        return begun
    answer = await _ask(app, begun)
    return await app.database.transact(_end, begun, answer, app=app, render=render)


async def rehearse(
    tx: Transaction, command: Pay, source_id: UUID, *, app: Adapters, render: Render
) -> Reply | AppError:
    """The answer if the bank says yes; it is not asked. For a transaction that is rolled back."""
    [recipient] = await service.named(tx, app, [command])
    sender = command.sender_id
    # All at once: two calls could wait for somebody who waits for us.
    await ledger.open(tx, {sender, recipient or sender, bank_account(sender), fees_account(sender)})
    begun = await _begin(tx, command, source_id, app=app, render=render)
    if not isinstance(begun, Funding):
        return begun
    return await _end(tx, begun, BankAnswer.SETTLED, app=app, render=render)


async def settle_stuck(app: Adapters, render: Render) -> int:
    """Ask again for what cards and banks have not paid yet; how many payments have ended."""

    async def carry_out(pending: Funding) -> BankAnswer:
        answer = await _ask(app, pending)
        await app.database.transact(_end, pending, answer, app=app, render=render)
        return answer

    return await asking.ask_again(await app.database.transact(_stuck, app), carry_out, what="funding")


async def _begin(
    tx: Transaction, command: Pay, source_id: UUID, *, app: Adapters, render: Render
) -> Funding | Reply | AppError:
    claim, sender = command.claim, command.sender_id
    [recipient] = await service.named(tx, app, [command])
    people = {sender, recipient or sender}
    book = await ledger.open(tx, people | ({fees_account(sender)} if command.goods_and_services else set()))
    if replay := await idempotency.replayed(tx, claim):
        return replay
    source = await wallet.source(tx, app, source_id, sender)
    if book.accounts[sender].available >= command.amount:
        plain = partial(_without_source, render)
        return await service.pay_one(tx, command, app=app, render=plain)
    return await _fund(tx, command, source, recipient, book=book, app=app, render=render)


async def _fund(
    tx: Transaction,
    command: Pay,
    source: Source,
    recipient: UUID | None,
    *,
    book: Book,
    app: Adapters,
    render: Render,
) -> Funding | Reply | AppError:
    claim = command.claim
    case = await service.case_of(tx, [command], [recipient], book=book, app=app)
    brought_in = await limits.read(tx, Flow.TOPPED_UP, [(command.transfer_id, claim.user_id, command.at)], app.figures)
    attempted = dict(case.attempts)
    outcome: Funding | AppError
    try:
        outcome = parts.fund(
            command,
            source,
            ledger_transaction_id=app.new_id(),
            sender=case.people[command.sender_id],
            recipient=case.payee(command.sender_id, recipient),
            case=case,
            brought_in=brought_in,
        )
    except AppError as refusal:
        outcome = refusal
    await service.note_guesses(tx, app, case, attempted)
    await risk.write(tx, app, case.desk)
    if isinstance(outcome, Funding):
        await _write(tx, app, outcome, case)
        await limits.write(tx, brought_in)
        await idempotency.remember(tx, [claim], [None])
        return outcome
    if not rules.is_remembered(outcome):
        return outcome
    reply = render(command.request_id, outcome, 0)
    await idempotency.remember(tx, [claim], [reply])
    return reply


async def _write(tx: Transaction, app: Adapters, funding: Funding, case: rules.Case) -> None:
    await queries.insert(tx, [funding.transfer], strangers=await strangers.sealed(tx, app, [funding.transfer]))
    await queries.insert_funding(tx, funding, due_at=funding.transfer.created_at + asking.STUCK_AFTER)
    await ledger.close(tx, case.book)
    await limits.write(tx, case.meter)


async def _ask(app: Adapters, pending: Funding) -> BankAnswer:
    charge = app.bank.debit(pending.source.token, amount_cents=pending.charged, reference=pending.id)
    return await asking.ask(charge)


async def _end(tx: Transaction, funding: Funding, answer: BankAnswer, *, app: Adapters, render: Render) -> Reply:
    book = await ledger.open(tx, parts.accounts_of(funding), holds=[funding.id])
    [current] = await service.with_cards(tx, app, [await queries.lock(tx, funding.id)])
    if current.status is Status.PENDING and answer is not BankAnswer.PENDING:
        funding = dataclasses.replace(funding, transfer=current)
        current = await _ended(tx, funding, answer, book=book, app=app)
    outcome = BankDeclined(DECLINED) if current.status is Status.FAILED else current
    reply = render(funding.request_id, outcome, funding.charged)
    [kept] = await idempotency.sealed(tx, app, [(funding.claim, reply)])
    return await asking.conclude(tx, funding.claim, kept)


async def _ended(tx: Transaction, funding: Funding, answer: BankAnswer, *, book: Book, app: Adapters) -> Transfer:
    now = app.clock.now()
    event: Event
    if answer is BankAnswer.FAILED:
        ended = parts.fail(funding, book=book, at=now)
        event = TransferEnded(ended.id, ended.sender.id, ended.status, ended.settled_at)
    else:
        ended = parts.settle(funding, book=book, at=now)
        event = service.announcement(ended)
    await queries.end(tx, ended)
    await queries.end_funding(tx, funding.id, status=ended.status)
    await ledger.close(tx, book)
    await outbox.emit(tx, [event], new_id=app.new_id)
    return ended


async def _stuck(tx: Transaction, app: Adapters) -> list[Funding]:
    now = app.clock.now()
    rows = await queries.claim_fundings(tx, now=now, next=now + asking.ASK_AGAIN_AFTER, most=asking.STUCK_MOST)
    transfers = await service.with_cards(tx, app, await queries.by_ids(tx, [row.transfer_id for row in rows]))
    by_id = {transfer.id: transfer for transfer in transfers}
    return [_funding(app, row, by_id[row.transfer_id]) for row in rows]


def _funding(app: Adapters, row: Any, transfer: Transfer) -> Funding:
    source = wallet_queries.source_behind(app.keys, row)
    claim = Claim(transfer.sender.id, row.route, row.idempotency_key, (row.fingerprint,), transfer.created_at)
    return Funding(transfer, row.ledger_transaction_id, source, row.amount, claim, row.request_id)


def _without_source(render: Render, command: Pay, outcome: Transfer | AppError) -> Reply:
    return render(command.request_id, outcome, 0)
