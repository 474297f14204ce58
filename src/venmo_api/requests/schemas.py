"""Bodies of payment requests and splits."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field, model_validator

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError
from venmo_api.core.money import CURRENCY
from venmo_api.http import fields
from venmo_api.http.bodies import Body, DryRun
from venmo_api.http.parameters import PageQuery
from venmo_api.idempotency.rules import Reply
from venmo_api.requests.rules import (
    PARTICIPANTS_MOST,
    SHARES_MOST,
    Direction,
    Method,
    Request,
    RequestStatus,
    Split,
)
from venmo_api.transfers import schemas as transfers
from venmo_api.transfers.rules import Pay, Transfer
from venmo_api.transfers.schemas import Amount, ConfirmationBody, Note, NoteOut, RecipientBody, TransferOut
from venmo_api.users.rules import Audience
from venmo_api.users.schemas import PublicUser, card_document

NAMES = frozenset(RecipientBody.model_fields)
Shares = Annotated[int, Field(ge=1, le=SHARES_MOST, examples=[1], json_schema_extra=fields.INT32)]


class PersonBody(RecipientBody):
    """Somebody who has signed up; exactly one of these."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "PersonBody":
        if len(self.model_fields_set & NAMES) != 1 or self.named() is None:
            raise ValueError("name the person by exactly one of user_id, username, email, phone")
        return self


class RequestBody(Body):
    """``audience``: the most that may see it once it is paid; left out, the payer decides."""

    payer: Annotated[PersonBody, Field(examples=[{"username": "bob"}])]
    amount: Amount
    currency: Literal["USD"] = CURRENCY
    note: Note
    audience: Audience | None = None
    dry_run: DryRun = False


class AcceptBody(Body):
    """``audience``: who may see it; left out, your own setting. The strictest of all wishes of both of you holds.
    ``confirmation``: as for a payment, when somebody who is not your friend asks for much."""

    audience: Audience | None = None
    confirmation: ConfirmationBody | None = None
    dry_run: DryRun = False


class RequestsQuery(PageQuery):
    direction: Direction = "all"
    status: RequestStatus | None = None


class ParticipantBody(PersonBody):
    """``amount`` for the method `exact`, ``shares`` (left out: 1) for the method `shares`."""

    amount: Amount | None = None
    shares: Shares | None = None


class SplitBody(Body):
    """``equal``: the same for everybody, to the cent. ``exact``: each participant's ``amount``, the rest is yours.
    ``shares``: in proportion, with ``own_shares`` (left out: 1) for you. Cents that are left go to the first named."""

    total: Amount
    currency: Literal["USD"] = CURRENCY
    note: Note
    method: Method
    participants: Annotated[
        list[ParticipantBody],
        Field(min_length=1, max_length=PARTICIPANTS_MOST, examples=[[{"username": "bob"}, {"username": "carol"}]]),
    ]
    include_self: bool = True
    own_shares: Shares | None = None
    audience: Audience | None = None
    dry_run: DryRun = False

    @model_validator(mode="after")
    def _measured_by_the_method(self) -> "SplitBody":
        if any((one.amount is not None) != (self.method is Method.EXACT) for one in self.participants):
            raise ValueError("give every participant an `amount` for the method `exact`, and nobody for the others")
        has_shares = self.own_shares is not None or any(one.shares is not None for one in self.participants)
        if has_shares and self.method is not Method.SHARES:
            raise ValueError("`shares` and `own_shares` are for the method `shares` only")
        if self.own_shares is not None and not self.include_self:
            raise ValueError("`own_shares` needs `include_self`: true")
        return self

    def measures(self) -> tuple[int, ...]:
        """Of each participant, in order: cents for the method ``exact``, else weights."""
        return tuple(one.amount or one.shares or 1 for one in self.participants)

    def own(self) -> int | None:
        """The creator's measure; None: the rest."""
        if not self.include_self:
            return 0
        return None if self.method is Method.EXACT else self.own_shares or 1


class RequestOut(BaseModel):
    """``status`` is `pending` until it is `settled` by ``transfer_id``, `cancelled` (``ended_by`` tells whether its
    payer declined or its requester withdrew it) or `expired`."""

    id: Annotated[str, fields.public_id(ids.REQUEST)]
    status: RequestStatus
    amount: fields.Cents
    currency: fields.Currency
    note: NoteOut
    audience: Audience | None
    requester: PublicUser
    payer: PublicUser
    transfer_id: Annotated[str, fields.public_id(ids.TRANSFER)] | None
    split_id: Annotated[str, fields.public_id(ids.SPLIT)] | None
    reminders: fields.Count
    reminded_at: fields.Moment | None
    created_at: fields.Moment
    expires_at: fields.Moment
    ended_at: fields.Moment | None
    ended_by: Annotated[str, fields.public_id(ids.USER)] | None


class AcceptedOut(RequestOut):
    transfer: TransferOut


class RequestPage(fields.Page[RequestOut]):
    pass


class SplitOut(BaseModel):
    """``settled`` and ``outstanding`` are cents of those of its requests that you may see."""

    id: Annotated[str, fields.public_id(ids.SPLIT)]
    creator: PublicUser
    total: fields.Cents
    own_share: fields.Cents
    currency: fields.Currency
    method: Method
    note: NoteOut
    created_at: fields.Moment
    settled: fields.Cents
    outstanding: fields.Cents


class SplitWithRequests(SplitOut):
    """``requests`` in the order the participants were named; a part of zero cents makes none."""

    requests: Annotated[list[RequestOut], Field(max_length=PARTICIPANTS_MOST)]


class SplitPage(fields.Page[SplitOut]):
    pass


def request_document(request: Request) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.REQUEST, request.id),
        "status": request.status,
        "amount": request.amount,
        "currency": request.currency,
        "note": request.note,
        "audience": request.audience,
        "requester": card_document(request.requester),
        "payer": card_document(request.payer),
        "transfer_id": ids.encode(ids.TRANSFER, request.transfer_id) if request.transfer_id else None,
        "split_id": ids.encode(ids.SPLIT, request.split_id) if request.split_id else None,
        "reminders": request.reminders,
        "reminded_at": rfc3339(request.reminded_at) if request.reminded_at else None,
        "created_at": rfc3339(request.created_at),
        "expires_at": rfc3339(request.expires_at),
        "ended_at": rfc3339(request.ended_at) if request.ended_at else None,
        "ended_by": ids.encode(ids.USER, request.ended_by) if request.ended_by else None,
    }


def split_document(split: Split) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.SPLIT, split.id),
        "creator": card_document(split.creator),
        "total": split.total,
        "own_share": split.own_share,
        "currency": split.currency,
        "method": split.method,
        "note": split.note,
        "created_at": rfc3339(split.created_at),
        "settled": split.settled,
        "outstanding": split.outstanding,
    }


def split_with_requests(split: Split) -> dict[str, Any]:
    return split_document(split) | {"requests": [request_document(request) for request in split.requests]}


def made(request: Request) -> Reply:
    """The answer to a new request, as it is sent and kept."""
    return Reply(201, orjson.dumps(request_document(request)))


def divided(split: Split) -> Reply:
    """The answer to a new split, as it is sent and kept."""
    return Reply(201, orjson.dumps(split_with_requests(split)))


def accepted(payment: Pay, request: Request, outcome: Transfer | AppError) -> Reply:
    """The answer to an accepted request, as it is sent and kept."""
    if isinstance(outcome, AppError):
        return transfers.reply(payment, outcome)
    document = request_document(request) | {"transfer": transfers.transfer_document(outcome)}
    return Reply(200, orjson.dumps(document))
