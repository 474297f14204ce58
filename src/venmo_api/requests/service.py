"""Asking for money: make a request, accept it down the money path, end it, remind of it.

Each step locks the row of its request, before any account, and only then judges it: of steps that race, one wins.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.core.events import RequestEnded, RequestMade, RequestReminded
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Reply
from venmo_api.ledger import service as ledger
from venmo_api.outbox import service as outbox
from venmo_api.requests import queries, rules
from venmo_api.requests.rules import (
    Accept,
    Ask,
    CannotRequestFromSelf,
    Direction,
    PayerNotFound,
    Request,
    RequestNotFound,
    RequestStatus,
    Step,
)
from venmo_api.transfers import reviews
from venmo_api.transfers import service as transfers
from venmo_api.transfers.rules import Contact, Pay, Status, Transfer
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

Render = Callable[[Request], Reply]
RenderAccept = Callable[[Pay, Request, Transfer | AppError], Reply]
"""How an outcome is answered; the bytes are kept with the key."""


async def make(tx: Transaction, command: Ask, *, app: Adapters, render: Render) -> Reply:
    """Ask somebody for money; the answer, fresh or replayed.

    Raises PayerNotFound, CannotRequestFromSelf and IdempotencyKeyReused, and then binds no key.
    """
    claim = command.claim
    await ledger.open(tx, [claim.user_id])  # the mutex of this person's keys
    if replay := await idempotency.replayed(tx, claim):
        return replay
    [payer_id] = await named(tx, app, [command.payer])
    people = await users.reachable(tx, claim.user_id, [claim.user_id, *([payer_id] if payer_id else ())])
    if payer_id not in people:
        raise PayerNotFound
    if payer_id == claim.user_id:
        raise CannotRequestFromSelf
    request = rules.asked(
        app.new_id(),
        command,
        requester=people[claim.user_id].card,
        payer=people[payer_id].card,
        figures=app.figures,
    )
    await write(tx, app, [request])
    reply = render(request)
    await idempotency.remember(tx, [claim], [reply])
    return reply


async def accept(tx: Transaction, command: Accept, *, app: Adapters, render: RenderAccept) -> Reply | AppError:
    """Pay what was asked for; the answer, fresh or replayed, also that there is not enough money. A refusal that binds
    no key is returned, since a guess at who the payee is counts.

    Raises RequestNotFound, RequestStepNotYours.
    """
    request = await _locked(tx, app, command.claim.user_id, command.accepted_id, Step.ACCEPT)
    payer = (await users.parties(tx, [request.payer.id]))[request.payer.id]
    held = await reviews.pays(tx, request.id)
    settled: list[Request] = []

    def rendered(payment: Pay, outcome: Transfer | AppError) -> Reply:
        if isinstance(outcome, AppError) or outcome.status is Status.HELD:
            return render(payment, request, outcome)
        settled.append(rules.settle(request, outcome))
        return render(payment, settled[0], outcome)

    answer = await transfers.pay_one(tx, rules.payment(command, request, payer, held=held), app=app, render=rendered)
    for each in settled:
        await _end(tx, app, each)
    return answer


async def release(tx: Transaction, app: Adapters, transfer_id: UUID) -> Transfer:
    """Let a held payment go on, and settle the request it pays.

    Raises RequestNotPending, and what ``reviews.release`` raises.
    """
    payment = await reviews.find(tx, transfer_id)
    request = None
    if payment.request_id is not None:
        request = await _locked(tx, app, payment.sender_id, payment.request_id, Step.ACCEPT)
        if request.transfer_id != transfer_id and (barred := rules.bar(request)):
            raise barred
    released = await reviews.release(tx, app, transfer_id)
    if request is not None:
        await _end(tx, app, rules.settle(request, released))
    return released


async def withdraw(tx: Transaction, app: Adapters, user_id: UUID, request_id: UUID, *, step: Step) -> Request:
    """Decline or cancel, whichever ``step`` says; asked again, the same.

    Raises RequestNotFound, RequestStepNotYours, RequestNotPending.
    """
    request = await _locked(tx, app, user_id, request_id, step)
    ended = rules.withdraw(request, user_id, at=app.clock.now())
    if ended is not request:
        await _end(tx, app, ended)
    return ended


async def remind(tx: Transaction, app: Adapters, user_id: UUID, request_id: UUID) -> Request:
    """Remind the payer. Raises RequestNotFound, RequestStepNotYours, RequestNotPending, RemindedAlready, and
    PayerNotFound when they are hidden from each other by now."""
    request, now = await _locked(tx, app, user_id, request_id, Step.REMIND), app.clock.now()
    if await users.hidden(tx, [(user_id, request.payer.id)]):
        raise PayerNotFound(())
    reminded = rules.remind(request, at=now, figures=app.figures)
    await queries.remind(tx, reminded)
    event = RequestReminded(request.id, request.requester.id, request.payer.id, now)
    await outbox.emit(tx, [event], new_id=app.new_id)
    return reminded


async def expire(tx: Transaction, app: Adapters, *, most: int) -> int:
    """End overdue requests that nobody is working on; how many."""
    now = app.clock.now()
    rows = await queries.expire(tx, now=now, most=most)
    events = [RequestEnded(row.id, row.requester_id, row.payer_id, RequestStatus.EXPIRED, None, now) for row in rows]
    await outbox.emit(tx, events, new_id=app.new_id)
    return len(rows)


async def end_between(tx: Transaction, app: Adapters, user_id: UUID, other_id: UUID, *, most: int) -> int:
    """Decline what ``user_id`` is asked for by the other, and withdraw what they ask the other for; how many, at most
    ``most``. What runs out by itself is left to that."""
    now = app.clock.now()
    rows = await queries.lock_between(tx, user_id, other_id, now=now, most=most)
    for request in await with_cards(tx, app, rows):
        await _end(tx, app, rules.withdraw(request, user_id, at=now))
    return len(rows)


async def get(tx: Transaction, app: Adapters, user_id: UUID, request_id: UUID) -> Request:
    """A request the user made or is asked to pay. Raises RequestNotFound, also for those of others."""
    row = await queries.get(tx, request_id, user_id)
    if row is None:
        raise RequestNotFound
    return (await with_cards(tx, app, [row]))[0]


async def of_user(
    tx: Transaction, app: Adapters, user_id: UUID, direction: Direction, status: RequestStatus | None, page: PageRequest
) -> Page[Request]:
    """What the user asked for and was asked for, newest first."""
    rows = await queries.of_user(tx, user_id, direction, status, page=page, now=app.clock.now())
    return cut(await with_cards(tx, app, rows), page.limit, lambda request: request.id)


async def named(tx: Transaction, app: Adapters, names: Sequence[UUID | Contact]) -> list[UUID | None]:
    """Whose these names are, in order; an id may still be nobody's."""
    found = await users.find(tx, app, [name for name in names if isinstance(name, tuple)])
    return [found.get(name) if isinstance(name, tuple) else name for name in names]


async def write(tx: Transaction, app: Adapters, requests: Sequence[Request]) -> None:
    """Keep new requests, and announce them."""
    if not requests:
        return
    await queries.insert(tx, requests)
    events = [
        RequestMade(
            request_id=request.id,
            requester_id=request.requester.id,
            payer_id=request.payer.id,
            amount=request.amount,
            currency=request.currency,
            note=request.note,
            at=request.created_at,
        )
        for request in requests
    ]
    await outbox.emit(tx, events, new_id=app.new_id)


async def with_cards(tx: Transaction, app: Adapters, rows: Iterable[Any]) -> list[Request]:
    """Requests from their rows, in order, as they stand now, with their people."""
    rows, now = list(rows), app.clock.now()
    people = await users.parties(tx, {person for row in rows for person in (row.requester_id, row.payer_id)})
    return [rules.as_of(_from_row(row, people), now) for row in rows]


async def _locked(tx: Transaction, app: Adapters, user_id: UUID, request_id: UUID, step: Step) -> Request:
    row = await queries.lock(tx, request_id, user_id)
    if row is None:
        raise RequestNotFound
    [request] = await with_cards(tx, app, [row])
    rules.require_side(request, step, user_id)
    return request


async def _end(tx: Transaction, app: Adapters, ended: Request) -> None:
    await queries.end(tx, ended)
    assert ended.ended_at is not None
    event = RequestEnded(ended.id, ended.requester.id, ended.payer.id, ended.status, ended.ended_by, ended.ended_at)
    await outbox.emit(tx, [event], new_id=app.new_id)


def _from_row(row: Any, people: users.Parties) -> Request:
    return Request(
        id=row.id,
        status=RequestStatus(row.status),
        amount=row.amount,
        currency=row.currency,
        note=row.note,
        audience=Audience(row.audience) if row.audience else None,
        requester=people[row.requester_id].card,
        payer=people[row.payer_id].card,
        created_at=row.created_at,
        expires_at=row.expires_at,
        split_id=row.split_id,
        transfer_id=row.transfer_id,
        reminders=row.reminders,
        reminded_at=row.reminded_at,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
