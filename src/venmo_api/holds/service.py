"""Authorisations: hold, capture in parts, give back, expire.

Every step locks the hold, then the accounts, and only then judges it: of steps that race, one wins.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core import events
from venmo_api.core.errors import AppError
from venmo_api.core.events import Event
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.holds import queries, rules
from venmo_api.holds.rules import Capture, Captured, Direction, Hold, HoldNotFound, Place, Status
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Reply, judge
from venmo_api.ledger import service as ledger
from venmo_api.ledger.rules import HoldExceeded
from venmo_api.limits import service as limits
from venmo_api.outbox import service as outbox
from venmo_api.risk import lists
from venmo_api.risk import service as risk
from venmo_api.risk.rules import PaymentDeclined
from venmo_api.transfers import queries as transfer_queries
from venmo_api.transfers import service as transfers
from venmo_api.transfers.rules import Case, is_remembered
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

RenderPlace = Callable[[Place, Hold | AppError], Reply]
RenderCapture = Callable[[Capture, Captured | AppError], Reply]
"""How an outcome is answered; the bytes are kept with the key."""


async def place(tx: Transaction, command: Place, *, app: Adapters, render: RenderPlace) -> Reply | AppError:
    """Hold the payer's money; the reply, fresh or replayed, or a refusal that binds no key."""
    asked, claim = command.payment, command.payment.claim
    payee_id = await _payee(tx, app, command)
    book = await ledger.open(tx, {asked.sender_id, payee_id or asked.sender_id})  # the payee's counters are theirs
    case = await transfers.case_of(tx, [asked], [payee_id], book=book, app=app)
    bound = judge(claim, case.known.get(claim.scope))
    if bound is not None:
        return bound
    attempted = dict(case.attempts)
    outcome: Hold | AppError
    try:
        payee = case.payee(asked.sender_id, payee_id)
        outcome = rules.place(command, payer=case.people[asked.sender_id], payee=payee, case=case)
    except AppError as refusal:
        outcome = refusal
    await transfers.note_guesses(tx, app, case, attempted)
    await risk.write(tx, app, case.desk)
    if isinstance(outcome, AppError) and not is_remembered(outcome):
        return outcome
    if isinstance(outcome, Hold):
        await _keep(tx, app, case, outcome)
    reply = render(command, outcome)
    await idempotency.remember(tx, [claim], [reply])
    return reply


async def capture(tx: Transaction, command: Capture, *, app: Adapters, render: RenderCapture) -> Reply:
    """Pay the payee out of a hold; the answer, fresh or replayed, also that less is left.

    Raises HoldNotFound, HoldStepNotYours, HoldEnded, IdempotencyKeyReused, PaymentDeclined, and then binds no key.
    """
    claim = command.claim
    hold = await _locked(tx, command.hold_id, claim.user_id)
    rules.require_payee(hold, claim.user_id)
    book = await ledger.open(tx, [hold.payer.id, hold.payee.id], holds=[hold.id])
    if replay := await idempotency.replayed(tx, claim):
        return replay
    if await lists.stands(tx, [hold.payer.id, hold.payee.id], contact=None):  # since it was authorised
        raise PaymentDeclined
    payee = (await users.parties(tx, [hold.payee.id]))[hold.payee.id]
    outcome: Captured | AppError
    try:
        outcome = rules.capture(command, rules.as_of(hold, claim.at), payee=payee, book=book)
    except HoldExceeded as refusal:
        outcome = refusal
    else:
        await queries.update(tx, outcome.hold)
        await transfer_queries.insert(tx, [outcome.transfer], strangers={})
        await ledger.close(tx, book)
        told = [transfers.announcement(outcome.transfer), _captured(outcome), *_ending(outcome.hold)]
        await outbox.emit(tx, told, new_id=app.new_id)
    reply = render(command, outcome)
    await idempotency.remember(tx, [claim], [reply])
    return reply


async def void(tx: Transaction, app: Adapters, user_id: UUID, hold_id: UUID) -> Hold:
    """Give back what was not captured; asked again, the same. Raises HoldNotFound, HoldStepNotYours, HoldEnded."""
    found = await _locked(tx, hold_id, user_id)
    rules.require_payee(found, user_id)
    if found.status is Status.CANCELLED:
        return found
    now = app.clock.now()
    book = await ledger.open(tx, [found.payer.id], holds=[hold_id])
    ended = rules.give_back(rules.as_of(found, now), book=book, at=now)
    await queries.update(tx, ended)
    await ledger.close(tx, book)
    await outbox.emit(tx, _ending(ended), new_id=app.new_id)
    return ended


async def expire(tx: Transaction, app: Adapters, hold_id: UUID) -> bool:
    """Give back what was not captured in time. False when it has ended, or somebody is at it."""
    now = app.clock.now()
    row = await queries.lock_overdue(tx, hold_id, now=now)
    if row is None:
        return False
    book = await ledger.open(tx, [row.payer_id], holds=[hold_id])
    book.release(hold_id, at=now)
    [ended] = [rules.as_of(hold, now) for hold in await _holds(tx, [row])]
    await queries.update(tx, ended)
    await ledger.close(tx, book)
    await outbox.emit(tx, _ending(ended), new_id=app.new_id)
    return True


async def get(tx: Transaction, app: Adapters, user_id: UUID, hold_id: UUID) -> Hold:
    """A hold of which the user is a party. Raises HoldNotFound, also for those of others."""
    row = await queries.get(tx, hold_id, user_id)
    if row is None:
        raise HoldNotFound
    [found] = await _holds(tx, [row])
    return rules.as_of(found, app.clock.now())


async def of_user(tx: Transaction, app: Adapters, user_id: UUID, direction: Direction, page: PageRequest) -> Page[Hold]:
    """What the user authorised, or may capture, newest first."""
    now = app.clock.now()
    found = await _holds(tx, await queries.of_user(tx, user_id, direction, page))
    return cut([rules.as_of(hold, now) for hold in found], page.limit, lambda hold: hold.id)


async def _payee(tx: Transaction, app: Adapters, command: Place) -> UUID | None:
    named = command.payment.recipient
    return named if isinstance(named, UUID) else (await users.find(tx, app, [named])).get(named)


async def _keep(tx: Transaction, app: Adapters, case: Case, placed: Hold) -> None:
    await queries.insert(tx, placed)
    await ledger.close(tx, case.book)
    await limits.write(tx, case.meter)
    event = events.HoldPlaced(
        placed.id, placed.payer.id, placed.payee.id, placed.amount, placed.currency, placed.created_at
    )
    await outbox.emit(tx, [event], new_id=app.new_id)


async def _locked(tx: Transaction, hold_id: UUID, user_id: UUID) -> Hold:
    row = await queries.lock(tx, hold_id, user_id)
    if row is None:
        raise HoldNotFound
    [hold] = await _holds(tx, [row])
    return hold


def _captured(outcome: Captured) -> Event:
    hold, paid = outcome.hold, outcome.transfer
    return events.HoldCaptured(
        hold.id, paid.id, hold.payer.id, hold.payee.id, paid.amount, paid.currency, paid.settled_at
    )


def _ending(hold: Hold) -> Sequence[Event]:
    """What is told of a hold that a step may have ended."""
    if hold.ended_at is None:
        return []
    return [events.HoldEnded(hold.id, hold.payer.id, hold.payee.id, hold.status, hold.captured, hold.ended_at)]


async def _holds(tx: Transaction, rows: Iterable[Any]) -> list[Hold]:
    """Holds from their rows, in order, with their people."""
    rows = list(rows)
    parties = await users.parties(tx, {person for row in rows for person in (row.payer_id, row.payee_id)})
    return [
        Hold(
            id=row.id,
            status=Status(row.status),
            amount=row.amount,
            captured=row.captured,
            currency=row.currency,
            note=row.note,
            audience=Audience(row.audience),
            payer=parties[row.payer_id].card,
            payee=parties[row.payee_id].card,
            created_at=row.created_at,
            expires_at=row.expires_at,
            ended_at=row.ended_at,
        )
        for row in rows
    ]
