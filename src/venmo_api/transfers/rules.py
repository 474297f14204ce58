"""What a payment is, and the decision whether it happens. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import regex

from venmo_api.core.errors import AppError, FieldError, Kind
from venmo_api.core.text import is_plain
from venmo_api.idempotency.rules import Claim
from venmo_api.ledger.book import Book, Posting
from venmo_api.users.rules import Audience, Card, Party, strictest

NOTE_MOST = 280
NOTE_BYTES_MOST = 16_384
"""Room for 280 of the longest emoji, and a bound on what can be stacked on one character."""
_GRAPHEME = regex.compile(r"\X")


class Status(StrEnum):
    SETTLED = "settled"


class RecipientNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "recipient_not_found"
    title = "Nobody to pay"

    def __init__(self) -> None:
        detail = "Nobody is known under this name; check it, or ask them to sign up."
        super().__init__(detail, fields=(FieldError("/recipient", detail),))


class CannotPaySelf(AppError):
    kind = Kind.INVALID
    code = "cannot_pay_self"
    title = "That is you"

    def __init__(self) -> None:
        detail = "Choose another person; you cannot pay yourself."
        super().__init__(detail, fields=(FieldError("/recipient", detail),))


class TransferNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "transfer_not_found"
    title = "No such transfer"

    def __init__(self) -> None:
        super().__init__("There is no transfer of yours with this id.")


@dataclass(frozen=True, slots=True)
class Pay:
    """Move ``amount`` cents from the sender to a recipient named by an id or by (kind, canonical value)."""

    claim: Claim
    transfer_id: UUID
    sender_id: UUID
    recipient: UUID | tuple[str, str]
    amount: int
    currency: str
    note: str
    audience: Audience | None
    request_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    id: UUID
    status: Status
    amount: int
    currency: str
    note: str
    audience: Audience
    sender: Card
    recipient: Card
    created_at: datetime


def is_note(text: str) -> bool:
    """1 to 280 characters as a person counts them, all of them harmless."""
    return (
        is_plain(text)
        and len(text.encode()) <= NOTE_BYTES_MOST
        and (len(text) <= NOTE_MOST or len(_GRAPHEME.findall(text)) <= NOTE_MOST)
    )


def decide(command: Pay, *, sender: Party, recipient: Party | None, book: Book) -> Transfer:
    """Post the payment in ``book`` and say what it is.

    Raises RecipientNotFound, CannotPaySelf or InsufficientFunds, and then has posted nothing.
    """
    if recipient is None:
        raise RecipientNotFound
    if recipient.card.id == command.sender_id:
        raise CannotPaySelf
    lines = ((command.sender_id, -command.amount), (recipient.card.id, command.amount))
    book.post(Posting(command.transfer_id, "transfer", command.at, lines))
    return Transfer(
        id=command.transfer_id,
        status=Status.SETTLED,
        amount=command.amount,
        currency=command.currency,
        note=command.note,
        audience=strictest(command.audience or sender.default_audience, recipient.default_audience),
        sender=sender.card,
        recipient=recipient.card,
        created_at=command.at,
    )


def is_remembered(refusal: AppError) -> bool:
    """Whether a refusal binds its key. A request that named nobody, or oneself, was never a payment: it may be
    corrected and sent again under the same key."""
    return refusal.kind is Kind.DECLINED
