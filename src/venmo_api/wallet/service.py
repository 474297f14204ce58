"""Balances, funding sources and top-ups.

A top-up is written down before the bank is asked and settled after it has answered, so a crash in between loses
nothing: the job ``settle_stuck`` asks again under the same reference, which the bank honours once.
"""

import asyncio
import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from venmo_api.adapters.bank import BankSource, DebitState
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError, Unavailable
from venmo_api.core.events import TopUpSettled
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Claim, Reply, judge
from venmo_api.ledger import service as ledger
from venmo_api.outbox import service as outbox
from venmo_api.wallet import queries
from venmo_api.wallet.rules import (
    ROUTE,
    BankDeclined,
    FundingSourceNotFound,
    Source,
    Status,
    TopUp,
    Wallet,
    posting,
)

STUCK_AFTER = timedelta(seconds=10)
ASK_AGAIN_AFTER = timedelta(minutes=5)
STUCK_MOST = 100
BANK_SECONDS = 8
log = structlog.get_logger()
Render = Callable[[TopUp, AppError | None], Reply]
"""How an ended top-up is answered; the error is why it failed."""


async def wallet(tx: Transaction, user_id: UUID) -> Wallet:
    balance = await ledger.balance(tx, user_id)
    return Wallet(balance.available, await queries.pending_amount(tx, user_id), balance.on_hold, balance.debt)


async def add_source(
    tx: Transaction, app: Adapters, user_id: UUID, *, type: str, token: str, known_as: BankSource
) -> Source:
    """Keep a funding source whose token the bank has described."""
    source = Source(app.new_id(), type, token, known_as.label, known_as.last4, app.clock.now())
    await queries.insert_source(tx, user_id, source)
    return source


async def sources(tx: Transaction, user_id: UUID, page: PageRequest) -> Page[Source]:
    rows = await queries.sources(tx, user_id, page)
    return cut([_source(row) for row in rows], page.limit, lambda source: source.id)


async def top_up(
    app: Adapters, claim: Claim, *, source_id: UUID, amount: int, currency: str, request_id: str, render: Render
) -> Reply:
    """Take ``amount`` cents from a funding source into the wallet; the answer, fresh or replayed.

    Raises FundingSourceNotFound, IdempotencyKeyReused, OperationInFlight.
    """
    begun = await app.database.transact(_begin, app, claim, source_id, amount, currency, request_id)
    if isinstance(begun, Reply):
        return begun
    return await _carry_out(app, begun, render)


async def settle_stuck(app: Adapters, render: Render) -> int:
    """Finish top-ups whose process died between writing them down and settling them; how many.

    One whose bank does not answer is logged, and holds up no other.
    """
    now = app.clock.now()
    rows = await app.database.transact(queries.claim_stuck, now=now, next=now + ASK_AGAIN_AFTER, most=STUCK_MOST)
    done = 0
    for row in rows:
        try:
            await _carry_out(app, _pending(row), render)
            done += 1
        except Exception:
            log.exception("top_up_stays_pending", top_up=str(row.id))
    return done


async def _begin(
    tx: Transaction, app: Adapters, claim: Claim, source_id: UUID, amount: int, currency: str, request_id: str
) -> TopUp | Reply:
    await ledger.open(tx, [claim.user_id])  # the mutex of this person's keys
    bound = judge(claim, (await idempotency.known(tx, [claim])).get(claim.scope))
    if isinstance(bound, AppError):
        raise bound
    if bound is not None:
        return bound
    row = await queries.source(tx, source_id, claim.user_id)
    if row is None:
        raise FundingSourceNotFound
    begun = TopUp(
        app.new_id(), claim.user_id, _source(row), amount, currency, Status.PENDING, claim, request_id, claim.at
    )
    await queries.insert_top_up(tx, begun, due_at=claim.at + STUCK_AFTER)
    await idempotency.remember(tx, [claim], [None])
    return begun


async def _carry_out(app: Adapters, pending: TopUp, render: Render) -> Reply:
    try:
        async with asyncio.timeout(BANK_SECONDS):
            state = await app.bank.debit(pending.source.token, amount_cents=pending.amount, reference=pending.id)
    except TimeoutError:
        raise Unavailable("The bank does not answer; the top-up stays pending and is tried again.") from None
    return await app.database.transact(_end, app, pending, state, render)


async def _end(tx: Transaction, app: Adapters, pending: TopUp, state: DebitState, render: Render) -> Reply:
    now = app.clock.now()
    settled = state is DebitState.SETTLED
    status = Status.SETTLED if settled else Status.FAILED
    reply = render(dataclasses.replace(pending, status=status), None if settled else BankDeclined())
    if not await queries.end_top_up(tx, pending.id, status=status, now=now):
        ended = (await idempotency.known(tx, [pending.claim])).get(pending.claim.scope)
        return ended.reply if ended and ended.reply else reply  # what the process that ended it answered
    if settled:
        movement = posting(pending, at=now)
        book = await ledger.open(tx, [account for account, _ in movement.lines])
        book.post(movement)
        await ledger.close(tx, book)
        event = TopUpSettled(pending.id, pending.user_id, pending.amount, pending.currency, now)
        await outbox.emit(tx, [event], new_id=app.new_id)
    await idempotency.complete(tx, pending.claim, reply)
    return reply


def _source(row: Any) -> Source:
    return Source(row.id, row.type, row.token, row.label, row.last4, row.created_at)


def _pending(row: Any) -> TopUp:
    source = Source(row.funding_source_id, row.type, row.token, row.label, row.last4, row.source_created_at)
    claim = Claim(row.user_id, ROUTE, row.idempotency_key, row.fingerprint, row.created_at)
    return TopUp(
        row.id, row.user_id, source, row.amount, row.currency, Status.PENDING, claim, row.request_id, row.created_at
    )
