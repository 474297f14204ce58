"""Money from a bank into the wallet. How it survives a crash is told in ``asking``."""

import dataclasses
from collections.abc import Callable
from uuid import UUID

from venmo_api.adapters.bank import BankAnswer
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.core.events import TopUpFailed, TopUpSettled
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Reply
from venmo_api.ledger import service as ledger
from venmo_api.limits import service as limits
from venmo_api.limits.rules import Flow, LimitExceeded
from venmo_api.outbox import service as outbox
from venmo_api.wallet import asking, queries, rules, service
from venmo_api.wallet.rules import BankDeclined, BringIn, Status, TopUp, TopUpNotFound

DECLINED = "The bank refused to send the money; try a smaller amount or another funding source."
Render = Callable[[TopUp, AppError | None], Reply]
"""How a top-up is answered; the error is why it was refused."""


async def top_up(app: Adapters, command: BringIn, render: Render) -> Reply:
    """Take money from a funding source into the wallet; the answer, fresh or replayed.

    Raises FundingSourceNotFound, FundingSourceUnsuitable, IdempotencyKeyReused, OperationInFlight, and Unavailable when
    the bank does not answer.
    """
    begun = await app.database.transact(_begin, command, app=app, render=render)
    if isinstance(begun, Reply):
        return begun
    answer = await _ask(app, begun)
    return await app.database.transact(_end, begun, answer, app=app, render=render)


async def rehearse(tx: Transaction, command: BringIn, *, app: Adapters, render: Render) -> Reply:
    """The answer if the bank says yes; it is not asked. For a transaction that is rolled back."""
    claim = command.claim
    source = await service.source(tx, app, command.source_id, claim.user_id)
    # All at once: two calls could wait for somebody who waits for us.
    await ledger.open(tx, rules.accounts_of(rules.top_up(command, source)))
    begun = await _begin(tx, command, app=app, render=render)
    return begun if isinstance(begun, Reply) else await _end(tx, begun, BankAnswer.SETTLED, app=app, render=render)


async def settle_stuck(app: Adapters, render: Render) -> int:
    """Ask again for top-ups that are still pending; how many have ended."""

    async def carry_out(pending: TopUp) -> BankAnswer:
        answer = await _ask(app, pending)
        await app.database.transact(_end, pending, answer, app=app, render=render)
        return answer

    now = app.clock.now()
    stuck = await app.database.transact(
        queries.claim_top_ups, now=now, next=now + asking.ASK_AGAIN_AFTER, most=asking.STUCK_MOST
    )
    return await asking.ask_again([queries.top_up_of(app.keys, row) for row in stuck], carry_out, what="top_up")


async def get(tx: Transaction, app: Adapters, user_id: UUID, top_up_id: UUID) -> TopUp:
    """One of the user's own. Raises TopUpNotFound."""
    row = await queries.top_up(tx, top_up_id, user_id)
    if row is None:
        raise TopUpNotFound
    return queries.top_up_of(app.keys, row)


async def of_user(tx: Transaction, app: Adapters, user_id: UUID, page: PageRequest) -> Page[TopUp]:
    """Newest first."""
    rows = await queries.top_ups(tx, user_id, page)
    return cut([queries.top_up_of(app.keys, row) for row in rows], page.limit, lambda one: one.id)


async def _begin(tx: Transaction, command: BringIn, *, app: Adapters, render: Render) -> TopUp | Reply:
    claim = command.claim
    await ledger.open(tx, [claim.user_id])  # the mutex of this person's keys and limits
    if replay := await idempotency.replayed(tx, claim):
        return replay
    begun = rules.top_up(command, await service.source(tx, app, command.source_id, claim.user_id))
    meter = await limits.read(tx, Flow.TOPPED_UP, [(begun.id, begun.user_id, claim.at)], app.figures)
    try:
        meter.use(begun.id, begun.user_id, begun.amount, at=claim.at, verified=False)  # it is the same for everybody
    except LimitExceeded as refusal:
        reply = render(begun, refusal)
        await idempotency.remember(tx, [claim], [reply])
        return reply
    await queries.insert_top_up(tx, begun, due_at=claim.at + asking.STUCK_AFTER)
    await limits.write(tx, meter)
    await idempotency.remember(tx, [claim], [None])
    return begun


async def _ask(app: Adapters, pending: TopUp) -> BankAnswer:
    return await asking.ask(app.bank.debit(pending.source.token, amount_cents=pending.amount, reference=pending.id))


async def _end(tx: Transaction, pending: TopUp, answer: BankAnswer, *, app: Adapters, render: Render) -> Reply:
    row = await queries.lock_top_up(tx, pending.id)
    current = dataclasses.replace(pending, status=Status(row.status), ended_at=row.ended_at)
    if current.status is Status.PENDING and answer is not BankAnswer.PENDING:
        current = await _ended(tx, current, answer, app)
    refusal = BankDeclined(DECLINED) if current.status is Status.FAILED else None
    return await asking.conclude(tx, current.claim, render(current, refusal))


async def _ended(tx: Transaction, pending: TopUp, answer: BankAnswer, app: Adapters) -> TopUp:
    now = app.clock.now()
    if answer is BankAnswer.FAILED:
        ended = dataclasses.replace(pending, status=Status.FAILED, ended_at=now)
        failed = TopUpFailed(ended.id, ended.user_id, ended.amount, ended.currency, now)
        await outbox.emit(tx, [failed], new_id=app.new_id)
    else:
        book = await ledger.open(tx, rules.accounts_of(pending))
        ended = rules.settle_top_up(pending, book=book, at=now)
        await ledger.close(tx, book)
        event = TopUpSettled(ended.id, ended.user_id, ended.amount, ended.currency, ended.ended_at or now)
        await outbox.emit(tx, [event], new_id=app.new_id)
    await queries.end_top_up(tx, ended)
    return ended
