"""Money from the wallet to a bank or card: held before the bank is asked, and sent or given back by what it answers.
How it survives a crash is told in ``asking``."""

import dataclasses
from collections.abc import Callable
from uuid import UUID

from venmo_api.adapters.bank import BankAnswer
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth.rules import is_new_device
from venmo_api.core.errors import AppError
from venmo_api.core.events import CashOutFailed, CashOutSettled
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Reply
from venmo_api.ledger import service as ledger
from venmo_api.ledger.rules import InsufficientFunds
from venmo_api.limits import service as limits
from venmo_api.limits.rules import Flow, LimitExceeded
from venmo_api.outbox import service as outbox
from venmo_api.risk import service as risk
from venmo_api.risk.desk import Asked, Side
from venmo_api.risk.rules import DecisionKind, PaymentDeclined
from venmo_api.users import service as users
from venmo_api.users.rules import Party
from venmo_api.wallet import asking, queries, rules, service
from venmo_api.wallet.rules import BankDeclined, CashOut, CashOutNotFound, CashOutTooLarge, Status, TakeOut

DECLINED = "The bank did not take the money; it is in your balance again. Try another funding source."
Render = Callable[[CashOut, AppError | None], Reply]
"""How a cash-out is answered; the error is why it was refused."""


async def cash_out(app: Adapters, command: TakeOut, render: Render) -> Reply:
    """Bring money from the wallet to a funding source; the answer, fresh or replayed.

    Raises FundingSourceNotFound, FundingSourceUnsuitable, CashOutTooSmall, IdempotencyKeyReused, OperationInFlight,
    NewDeviceLimit, and Unavailable when the bank does not answer.
    """
    begun = await app.database.transact(_begin, command, app=app, render=render)
    if isinstance(begun, Reply):
        return begun
    answer = await _ask(app, begun)
    return await app.database.transact(_end, begun, answer, app=app, render=render)


async def rehearse(tx: Transaction, command: TakeOut, *, app: Adapters, render: Render) -> Reply:
    """The answer if the bank says yes; it is not asked. For a transaction that is rolled back."""
    source = await service.source(tx, app, command.source_id, command.claim.user_id)
    # All at once: two calls could wait for somebody who waits for us.
    await ledger.open(tx, rules.accounts_of(rules.cash_out(command, source, app.figures)))
    begun = await _begin(tx, command, app=app, render=render)
    return begun if isinstance(begun, Reply) else await _end(tx, begun, BankAnswer.SETTLED, app=app, render=render)


async def settle_stuck(app: Adapters, render: Render) -> int:
    """Ask again for cash-outs that are still pending; how many have ended."""

    async def carry_out(pending: CashOut) -> BankAnswer:
        answer = await _ask(app, pending)
        await app.database.transact(_end, pending, answer, app=app, render=render)
        return answer

    now = app.clock.now()
    stuck = await app.database.transact(
        queries.claim_cash_outs, now=now, next=now + asking.ASK_AGAIN_AFTER, most=asking.STUCK_MOST
    )
    return await asking.ask_again([queries.cash_out_of(app.keys, row) for row in stuck], carry_out, what="cash_out")


async def get(tx: Transaction, app: Adapters, user_id: UUID, cash_out_id: UUID) -> CashOut:
    """One of the user's own. Raises CashOutNotFound."""
    row = await queries.cash_out(tx, cash_out_id, user_id)
    if row is None:
        raise CashOutNotFound
    return queries.cash_out_of(app.keys, row)


async def of_user(tx: Transaction, app: Adapters, user_id: UUID, page: PageRequest) -> Page[CashOut]:
    """Newest first."""
    rows = await queries.cash_outs(tx, user_id, page)
    return cut([queries.cash_out_of(app.keys, row) for row in rows], page.limit, lambda one: one.id)


async def _begin(tx: Transaction, command: TakeOut, *, app: Adapters, render: Render) -> CashOut | Reply:
    claim = command.claim
    book = await ledger.open(tx, [claim.user_id])  # the mutex of this person's keys and limits
    if replay := await idempotency.replayed(tx, claim):
        return replay
    begun = rules.cash_out(command, await service.source(tx, app, command.source_id, claim.user_id), app.figures)
    meter = await limits.read(tx, Flow.CASHED_OUT, [(begun.id, begun.user_id, claim.at)], app.figures)
    by_device = [(begun.id, begun.user_id, claim.at, command.device_since)]
    meter.new_device = await limits.read_new_device(tx, by_device, app.figures)
    person, desk = (await users.parties(tx, [begun.user_id]))[begun.user_id], await risk.read(tx, app, [begun.user_id])
    asked = None if command.rehearsed else _asked(command, begun, person, app)
    try:
        rules.authorise(
            begun, book=book, meter=meter, verified=person.verified, figures=app.figures, desk=desk, asked=asked
        )
    except (CashOutTooLarge, InsufficientFunds, LimitExceeded, PaymentDeclined) as refusal:
        await risk.write(tx, app, desk)
        reply = render(begun, refusal)
        await idempotency.remember(tx, [claim], [reply])
        return reply
    await queries.insert_cash_out(tx, begun, due_at=claim.at + asking.STUCK_AFTER)
    await ledger.close(tx, book)
    await limits.write(tx, meter)
    await risk.write(tx, app, desk)
    await idempotency.remember(tx, [claim], [None])
    return begun


def _asked(command: TakeOut, begun: CashOut, person: Party, app: Adapters) -> Asked:
    new = is_new_device(command.device_since, at=begun.created_at, seconds=app.figures.new_device_seconds)
    return Asked(
        tx_id=begun.id,
        kind=DecisionKind.CASH_OUT,
        sender=Side(begun.user_id, person.since),
        recipient=None,
        amount=begun.amount,
        at=begun.created_at,
        holdable=False,  # what is declined stays in the wallet; once a rule is snoozed it may be tried again
        new_device=new,
        device_id=command.device_id,
    )


async def _ask(app: Adapters, pending: CashOut) -> BankAnswer:
    sent = pending.amount - pending.fee
    return await asking.ask(app.bank.credit(pending.source.token, amount_cents=sent, reference=pending.id))


async def _end(tx: Transaction, pending: CashOut, answer: BankAnswer, *, app: Adapters, render: Render) -> Reply:
    row = await queries.lock_cash_out(tx, pending.id)
    current = dataclasses.replace(pending, status=Status(row.status), ended_at=row.ended_at)
    if current.status is Status.PENDING and answer is not BankAnswer.PENDING:
        current = await _ended(tx, current, answer, app)
    refusal = BankDeclined(DECLINED) if current.status is Status.FAILED else None
    return await asking.conclude(tx, current.claim, render(current, refusal))


async def _ended(tx: Transaction, pending: CashOut, answer: BankAnswer, app: Adapters) -> CashOut:
    now = app.clock.now()
    book = await ledger.open(tx, rules.accounts_of(pending), holds=[pending.id])
    if answer is BankAnswer.FAILED:
        ended = rules.return_cash_out(pending, book=book, at=now)
        failed = CashOutFailed(ended.id, ended.user_id, ended.amount, ended.currency, ended.ended_at or now)
        await outbox.emit(tx, [failed], new_id=app.new_id)
    else:
        ended = rules.settle_cash_out(pending, book=book, at=now)
        at = ended.ended_at or now
        event = CashOutSettled(ended.id, ended.user_id, ended.amount, ended.fee, ended.currency, at)
        await outbox.emit(tx, [event], new_id=app.new_id)
    await ledger.close(tx, book)
    await queries.end_cash_out(tx, ended)
    return ended
