"""What an authorisation is, who may take which step of it until when. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError, FieldError, Kind
from venmo_api.idempotency.rules import Claim
from venmo_api.ledger.book import Book, Posting
from venmo_api.ledger.rules import HoldEnded, InsufficientFunds
from venmo_api.transfers import rules as transfers
from venmo_api.transfers.rules import Case, Pay, Transfer, payment_lines
from venmo_api.users.rules import Audience, Card, Party, strictest

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=30)


class Status(StrEnum):
    HELD = "held"
    SETTLED = "settled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Direction(StrEnum):
    """Outgoing: one's own money is held. Incoming: one may capture it."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    ALL = "all"


ENDED_HOW = {
    Status.SETTLED: "was captured",
    Status.CANCELLED: "was given back",
    Status.EXPIRED: "has expired",
}


class HoldNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "hold_not_found"
    title = "No such authorisation"

    def __init__(self) -> None:
        super().__init__("There is no authorisation by you or for you with this id.")


class PayeeNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "payee_not_found"
    title = "Nobody to authorise"

    def __init__(self) -> None:
        detail = "Nobody has signed up under this name; check it, or pay them instead: a payment can wait for them."
        super().__init__(detail, fields=(FieldError("/payee", detail),))


class CannotHoldForSelf(AppError):
    kind = Kind.INVALID
    code = "cannot_hold_for_self"
    title = "That is you"

    def __init__(self) -> None:
        detail = "Choose another person; you cannot authorise a payment to yourself."
        super().__init__(detail, fields=(FieldError("/payee", detail),))


class HoldStepNotYours(AppError):
    kind = Kind.FORBIDDEN
    code = "hold_step_not_yours"
    title = "The payee takes this step"

    def __init__(self, expires_at: datetime) -> None:
        super().__init__(
            "Only the payee can capture what you authorised, or give it back; ask them. What they do not capture is "
            f"yours again at {rfc3339(expires_at)}."
        )
        self.extra = {"expires_at": rfc3339(expires_at)}


@dataclass(frozen=True, slots=True)
class Place:
    """Hold the money of ``payment`` for its payee. Its ``transfer_id`` is the hold's id."""

    payment: Pay
    expires_in: timedelta


@dataclass(frozen=True, slots=True)
class Capture:
    """Take ``amount`` cents, or all that is left, for whoever claims the key; ``final``: and give back the rest."""

    claim: Claim
    hold_id: UUID
    transfer_id: UUID
    amount: int | None
    final: bool
    note: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Cents of the payer's that the payee may capture until ``expires_at``, in parts or all at once."""

    id: UUID
    status: Status
    amount: int
    captured: int
    currency: str
    note: str
    audience: Audience
    payer: Card
    payee: Card
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    @property
    def left(self) -> int:
        """What may still be captured."""
        return self.amount - self.captured if self.status is Status.HELD else 0


@dataclass(frozen=True, slots=True)
class Captured:
    """What a capture made: the hold as it stands, and the payment."""

    hold: Hold
    transfer: Transfer


def place(command: Place, *, payer: Party, payee: Party | None, case: Case) -> Hold:
    """Set the money aside in the book. Counts towards the payer's limit, once and whatever becomes of it.

    Raises PayeeNotFound, CannotHoldForSelf, PayeeConfirmationNeeded, PayeeConfirmationWrong, PaymentDeclined,
    LimitExceeded or InsufficientFunds, and then holds nothing.
    """
    asked = command.payment
    if payee is None or payee.erased:
        raise PayeeNotFound
    if payee.card.id == asked.sender_id:
        raise CannotHoldForSelf
    if case.book.accounts[asked.sender_id].available < asked.amount:
        raise InsufficientFunds
    transfers.confirm_payee(asked, payee.card.id, case)
    transfers.screen(asked, payer, payee, case, holdable=False)
    case.book.hold(asked.transfer_id, asked.sender_id, asked.amount, at=asked.at)
    return Hold(
        id=asked.transfer_id,
        status=Status.HELD,
        amount=asked.amount,
        captured=0,
        currency=asked.currency,
        note=asked.note,
        audience=strictest(asked.audience or Audience.PRIVATE, payee.default_audience),
        payer=payer.card,
        payee=payee.card,
        created_at=asked.at,
        expires_at=asked.at + command.expires_in,
    )


def as_of(hold: Hold, now: datetime) -> Hold:
    """The hold as it truly stands: what is overdue has expired, whether or not that is written down yet."""
    if hold.status is Status.HELD and hold.expires_at <= now:
        return replace(hold, status=Status.EXPIRED, ended_at=hold.expires_at)
    return hold


def require_payee(hold: Hold, user_id: UUID) -> None:
    """Raises HoldStepNotYours for the payer."""
    if user_id != hold.payee.id:
        raise HoldStepNotYours(hold.expires_at)


def require_held(hold: Hold) -> None:
    """Raises HoldEnded, which tells how."""
    if hold.status is not Status.HELD:
        refusal = HoldEnded(f"This authorisation {ENDED_HOW[hold.status]}; if more is to be paid, ask for a new one.")
        refusal.extra = {
            "hold_status": hold.status,
            "ended_at": rfc3339(hold.ended_at) if hold.ended_at else None,
        }
        raise refusal


def capture(command: Capture, hold: Hold, *, payee: Party, book: Book) -> Captured:
    """Pay the payee out of the hold; the last capture, or a final one, ends it.

    The payment is told to nobody whom the payee, by now, would not let see it. Raises HoldEnded, or HoldExceeded when
    less is left, and then has moved nothing.
    """
    require_held(hold)
    amount = hold.left if command.amount is None else command.amount
    book.capture(hold.id, amount)
    lines = payment_lines(hold.payer.id, hold.payee.id, amount, fee=0, seller_fee=0)
    at = max(command.claim.at, hold.created_at)
    posted = book.post(Posting(command.transfer_id, "transfer", at, tuple(lines)))
    after = replace(hold, captured=hold.captured + amount)
    if command.final and after.left:
        book.release(hold.id, at=posted.at)
    if command.final or not after.left:
        after = replace(after, status=Status.SETTLED, ended_at=posted.at)
    transfer = Transfer(
        id=command.transfer_id,
        status=transfers.Status.SETTLED,
        amount=amount,
        currency=hold.currency,
        note=command.note or hold.note,
        audience=Audience.PRIVATE if command.note else strictest(hold.audience, payee.default_audience),
        sender=hold.payer,
        recipient=hold.payee,
        created_at=posted.at,
        hold_id=hold.id,
    )
    return Captured(after, transfer)


def give_back(hold: Hold, *, book: Book, at: datetime) -> Hold:
    """The hold as its payee voids it. Raises HoldEnded."""
    require_held(hold)
    book.release(hold.id, at=at)
    return replace(hold, status=Status.CANCELLED, ended_at=max(at, hold.created_at))
