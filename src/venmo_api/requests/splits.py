"""Splits: one expense shared among many, to the cent; each other person's part becomes a payment request."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Reply
from venmo_api.ledger import service as ledger
from venmo_api.requests import queries, rules, service
from venmo_api.requests.rules import (
    Ask,
    CannotRequestFromSelf,
    Divide,
    Method,
    ParticipantTwice,
    PayerNotFound,
    Request,
    RequestStatus,
    Split,
    SplitNotFound,
)
from venmo_api.users import service as users
from venmo_api.users.rules import Card

Render = Callable[[Split], Reply]
"""How a split is answered; the bytes are kept with the key."""


async def divide(tx: Transaction, command: Divide, *, app: Adapters, render: Render) -> Reply:
    """Ask everybody for their part, all or nobody; the answer, fresh or replayed.

    Raises PayerNotFound, CannotRequestFromSelf, ParticipantTwice, PartsExceedTotal, PartsBelowTotal and
    IdempotencyKeyReused, and then binds no key.
    """
    claim = command.claim
    await ledger.open(tx, [claim.user_id])  # the mutex of this person's keys
    if replay := await idempotency.replayed(tx, claim):
        return replay
    people = await _people(tx, app, command)
    parts, own_share = rules.shares(command)
    creator = (await users.parties(tx, [claim.user_id]))[claim.user_id].card
    split_id = app.new_id()
    requests = [
        rules.asked(
            app.new_id(),
            Ask(claim, payer.id, part, command.currency, command.note, command.audience),
            requester=creator,
            payer=payer,
            figures=app.figures,
            split_id=split_id,
        )
        for payer, part in zip(people, parts, strict=True)
        if part > 0
    ]
    split = Split(
        id=split_id,
        creator=creator,
        total=command.total,
        own_share=own_share,
        currency=command.currency,
        method=command.method,
        note=command.note,
        created_at=claim.at,
        settled=0,
        outstanding=command.total - own_share,
        requests=tuple(requests),
    )
    await queries.insert_split(tx, split)
    await service.write(tx, app, requests)
    reply = render(split)
    await idempotency.remember(tx, [claim], [reply])
    return reply


async def get(tx: Transaction, app: Adapters, user_id: UUID, split_id: UUID) -> Split:
    """A split with its requests: its creator sees all of them, a participant their own. Raises SplitNotFound."""
    row = await queries.get_split(tx, split_id)
    requests = await service.with_cards(tx, app, await queries.shared(tx, split_id, user_id))
    if row is None or (row.creator_id != user_id and not requests):
        raise SplitNotFound
    creator = (await users.parties(tx, [row.creator_id]))[row.creator_id].card
    return _from_row(
        row,
        creator,
        settled=_sum(requests, RequestStatus.SETTLED),
        outstanding=_sum(requests, RequestStatus.PENDING),
        requests=tuple(requests),
    )


async def of_user(tx: Transaction, app: Adapters, user_id: UUID, page: PageRequest) -> Page[Split]:
    """What the user divided, newest first, without the requests."""
    creator = (await users.parties(tx, [user_id]))[user_id].card
    rows = await queries.splits(tx, user_id, page=page, now=app.clock.now())
    found = [_from_row(row, creator, settled=row.settled, outstanding=row.outstanding) for row in rows]
    return cut(found, page.limit, lambda split: split.id)


async def _people(tx: Transaction, app: Adapters, command: Divide) -> list[Card]:
    """Who takes part, in order. Raises PayerNotFound, CannotRequestFromSelf, ParticipantTwice."""
    named = await service.named(tx, app, command.people)
    known = await users.reachable(tx, command.claim.user_id, [person for person in named if person])
    unknown = [f"/participants/{place}" for place, person in enumerate(named) if person not in known]
    if unknown:
        raise PayerNotFound(unknown)
    found = [known[person].card for person in named if person]
    for place, card in enumerate(found):
        if card.id == command.claim.user_id:
            raise CannotRequestFromSelf(f"/participants/{place}")
        if card in found[:place]:
            raise ParticipantTwice(f"/participants/{place}")
    return found


def _sum(requests: list[Request], status: RequestStatus) -> int:
    return sum(request.amount for request in requests if request.status is status)


def _from_row(row: Any, creator: Card, *, settled: int, outstanding: int, requests: tuple[Request, ...] = ()) -> Split:
    return Split(
        id=row.id,
        creator=creator,
        total=row.total,
        own_share=row.own_share,
        currency=row.currency,
        method=Method(row.method),
        note=row.note,
        created_at=row.created_at,
        settled=settled,
        outstanding=outstanding,
        requests=requests,
    )
