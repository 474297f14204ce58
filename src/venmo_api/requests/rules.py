"""What a payment request is, who may take which step of it when, and how an expense is divided. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError, FieldError, Kind
from venmo_api.core.figures import Figures
from venmo_api.core.money import dollars
from venmo_api.idempotency.rules import Claim
from venmo_api.transfers.payees import Confirmation
from venmo_api.transfers.rules import Contact, Pay, Transfer
from venmo_api.users.rules import Audience, Card, Party, strictest

PARTICIPANTS_MOST = 50
SHARES_MOST = 10_000
Direction = Literal["incoming", "outgoing", "all"]
"""Incoming: one is asked to pay. Outgoing: one asks."""


class RequestStatus(StrEnum):
    PENDING = "pending"
    SETTLED = "settled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Step(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    CANCEL = "cancel"
    REMIND = "remind"


class Method(StrEnum):
    EQUAL = "equal"
    EXACT = "exact"
    SHARES = "shares"


PAYER_STEPS = {Step.ACCEPT, Step.DECLINE}


@dataclass(frozen=True, slots=True)
class Request:
    """Money asked for. ``ended_by``: who paid, declined or withdrew it; nobody, when it expired."""

    id: UUID
    status: RequestStatus
    amount: int
    currency: str
    note: str
    audience: Audience | None
    requester: Card
    payer: Card
    created_at: datetime
    expires_at: datetime
    split_id: UUID | None = None
    transfer_id: UUID | None = None
    reminders: int = 0
    reminded_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask whoever is named by an id or by (kind, canonical value) for ``amount`` cents."""

    claim: Claim
    payer: UUID | Contact
    amount: int
    currency: str
    note: str
    audience: Audience | None


@dataclass(frozen=True, slots=True)
class Accept:
    """Pay the request ``accepted_id``. ``request_id`` is that of the HTTP request."""

    claim: Claim
    accepted_id: UUID
    transfer_id: UUID
    audience: Audience | None
    confirmation: Confirmation | None
    request_id: str
    rehearsed: bool
    device_since: datetime | None = None
    device_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Divide:
    """Share ``total`` cents among people in order. Measures are cents for the method ``exact``, else weights; ``own``
    is the creator's, None: the rest."""

    claim: Claim
    total: int
    currency: str
    note: str
    method: Method
    people: tuple[UUID | Contact, ...]
    measures: tuple[int, ...]
    own: int | None
    audience: Audience | None


@dataclass(frozen=True, slots=True)
class Split:
    """An expense shared among many. ``settled`` and ``outstanding`` are cents of the requests that its reader sees."""

    id: UUID
    creator: Card
    total: int
    own_share: int
    currency: str
    method: Method
    note: str
    created_at: datetime
    settled: int
    outstanding: int
    requests: tuple[Request, ...] = ()


class RequestNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "request_not_found"
    title = "No such request"

    def __init__(self) -> None:
        super().__init__("There is no payment request from you or to you with this id.")


class SplitNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "split_not_found"
    title = "No such split"

    def __init__(self) -> None:
        super().__init__("There is no split of yours, or with a part of yours, with this id.")


class PayerNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "payer_not_found"
    title = "Nobody to ask"

    def __init__(self, pointers: Sequence[str] = ("/payer",)) -> None:
        detail = "Nobody has signed up under this name; check it, or invite them first."
        super().__init__(detail, fields=tuple(FieldError(pointer, detail) for pointer in pointers))


class CannotRequestFromSelf(AppError):
    kind = Kind.INVALID
    code = "cannot_request_from_self"
    title = "That is you"

    def __init__(self, pointer: str = "/payer") -> None:
        detail = "Choose another person; you cannot ask yourself for money."
        super().__init__(detail, fields=(FieldError(pointer, detail),))


class ParticipantTwice(AppError):
    kind = Kind.INVALID
    code = "participant_twice"
    title = "Somebody is named twice"

    def __init__(self, pointer: str) -> None:
        detail = "This is somebody who is named before, perhaps under another name; give each person one part."
        super().__init__(detail, fields=(FieldError(pointer, detail),))


class PartsExceedTotal(AppError):
    kind = Kind.INVALID
    code = "parts_exceed_total"
    title = "The parts are more than the total"

    def __init__(self, total: int, parts: int) -> None:
        detail = f"The amounts add up to {dollars(parts)}, more than the total of {dollars(total)}; correct either."
        super().__init__(detail, fields=(FieldError("/participants", detail),))


class PartsBelowTotal(AppError):
    kind = Kind.INVALID
    code = "parts_below_total"
    title = "Nobody carries the rest"

    def __init__(self, rest: int) -> None:
        detail = f"{dollars(rest)} of the total is nobody's; raise the amounts, or carry it yourself: `include_self`."
        super().__init__(detail, fields=(FieldError("/participants", detail),))


class RequestStepNotYours(AppError):
    kind = Kind.FORBIDDEN
    code = "request_step_not_yours"
    title = "The other side takes this step"

    def __init__(self, step: Step) -> None:
        if step in PAYER_STEPS:
            detail = f"Only who is asked to pay can {step} a request. You made this one: cancel it, or remind them."
        else:
            detail = f"Only who made a request can {step} it. You are asked to pay this one: accept or decline it."
        super().__init__(detail)


class RequestNotPending(AppError):
    kind = Kind.CONFLICT
    code = "request_not_pending"
    title = "This request has ended"

    def __init__(self, ended: Request) -> None:
        super().__init__(_how(ended))
        self.extra = {
            "request_status": ended.status,
            "ended_by": ids.encode(ids.USER, ended.ended_by) if ended.ended_by else None,
            "ended_at": rfc3339(ended.ended_at) if ended.ended_at else None,
            "transfer_id": ids.encode(ids.TRANSFER, ended.transfer_id) if ended.transfer_id else None,
        }


class RequestPaymentHeld(AppError):
    """To the payer: whom they pay knows nothing of it yet."""

    kind = Kind.CONFLICT
    code = "request_payment_held"
    title = "You have accepted this"

    def __init__(self) -> None:
        super().__init__("You have accepted this request, and your payment is still being looked at; wait for it.")


class RemindedAlready(AppError):
    kind = Kind.LIMITED
    code = "reminded_already"
    title = "You have reminded them already"

    def __init__(self, again_at: datetime, now: datetime) -> None:
        seconds = math.ceil((again_at - now).total_seconds())
        super().__init__(
            f"They were reminded of this not long ago; you may remind them again at {rfc3339(again_at)}.",
            retry_after_seconds=seconds,
        )
        self.extra = {"again_at": rfc3339(again_at)}


def asked(
    request_id: UUID,
    ask: Ask,
    *,
    requester: Card,
    payer: Card,
    figures: Figures,
    split_id: UUID | None = None,
) -> Request:
    """A new request, pending from the moment of its claim."""
    at = ask.claim.at
    return Request(
        id=request_id,
        status=RequestStatus.PENDING,
        amount=ask.amount,
        currency=ask.currency,
        note=ask.note,
        audience=ask.audience,
        requester=requester,
        payer=payer,
        created_at=at,
        expires_at=at + timedelta(seconds=figures.request_seconds),
        split_id=split_id,
    )


def as_of(request: Request, now: datetime) -> Request:
    """The request as it truly stands: what is overdue has expired, whether or not that is written down yet."""
    if request.status is RequestStatus.PENDING and request.expires_at <= now:
        return replace(request, status=RequestStatus.EXPIRED, ended_at=request.expires_at)
    return request


def require_side(request: Request, step: Step, user_id: UUID) -> None:
    """Raises RequestStepNotYours when the other party takes this step."""
    if user_id != (request.payer if step in PAYER_STEPS else request.requester).id:
        raise RequestStepNotYours(step)


def bar(request: Request) -> RequestNotPending | None:
    """Why no step is possible any more."""
    return None if request.status is RequestStatus.PENDING else RequestNotPending(request)


def payment(command: Accept, request: Request, payer: Party, *, held: bool = False) -> Pay:
    """The payment that settles a request. It is told to nobody whom either side would not let see it. ``held``: there
    is one already, which waits for a verdict."""
    wanted = command.audience or payer.default_audience
    return Pay(
        claim=command.claim,
        transfer_id=command.transfer_id,
        sender_id=payer.card.id,
        recipient=request.requester.id,
        amount=request.amount,
        currency=request.currency,
        note=request.note,
        audience=strictest(wanted, request.audience) if request.audience else wanted,
        request_id=command.request_id,
        at=command.claim.at,
        allow_duplicate=True,
        confirmation=command.confirmation,
        settles=request.id,
        bar=bar(request) or (RequestPaymentHeld() if held else None),
        rehearsed=command.rehearsed,
        device_since=command.device_since,
        device_id=command.device_id,
    )


def settle(request: Request, transfer: Transfer) -> Request:
    """The request once ``transfer`` has paid it."""
    return replace(
        request,
        status=RequestStatus.SETTLED,
        transfer_id=transfer.id,
        ended_at=transfer.settled_at,
        ended_by=transfer.sender.id,
    )


def withdraw(request: Request, user_id: UUID, *, at: datetime) -> Request:
    """The request declined by its payer or cancelled by its requester; what they ended so before stays as it is.

    Raises RequestNotPending.
    """
    if request.status is RequestStatus.CANCELLED and request.ended_by == user_id:
        return request
    if barred := bar(request):
        raise barred
    return replace(request, status=RequestStatus.CANCELLED, ended_at=max(at, request.created_at), ended_by=user_id)


def remind(request: Request, *, at: datetime, figures: Figures) -> Request:
    """The request with one more reminder. Raises RequestNotPending, RemindedAlready."""
    if barred := bar(request):
        raise barred
    if request.reminded_at is not None:
        again_at = request.reminded_at + timedelta(seconds=figures.reminder_seconds)
        if at < again_at:
            raise RemindedAlready(again_at, at)
    return replace(request, reminders=request.reminders + 1, reminded_at=at)


def divide(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` cents in proportion to ``weights``, to the cent: each gets their quota rounded down, and the cents that
    are left go to the largest remainders; of equal ones, to who stands first (Hare quota, largest remainder)."""
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return parts


def shares(command: Divide) -> tuple[list[int], int]:
    """The part of each person in order, and the creator's own: together the total.

    Raises PartsExceedTotal, PartsBelowTotal.
    """
    if command.method is not Method.EXACT:
        *parts, own = divide(command.total, [*command.measures, command.own or 0])
        return parts, own
    rest = command.total - sum(command.measures)
    if rest < 0:
        raise PartsExceedTotal(command.total, command.total - rest)
    if rest > 0 and command.own is not None:
        raise PartsBelowTotal(rest)
    return list(command.measures), rest


def _how(ended: Request) -> str:
    """How a request ended, and what is left to do."""
    if ended.status is RequestStatus.SETTLED:
        return f"This request is settled: @{ended.payer.username} has paid it; nothing is left to do."
    if ended.status is RequestStatus.EXPIRED:
        how = "has expired: it was not paid in time"
    elif ended.ended_by == ended.payer.id:
        how = f"is cancelled: @{ended.payer.username} declined it"
    else:
        how = f"is cancelled: @{ended.requester.username} withdrew it"
    return f"This request {how}. If the money is still owed, make a new request or a payment."
