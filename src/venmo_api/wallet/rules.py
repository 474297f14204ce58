"""What a wallet shows, what a top-up is, and what is refused of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from venmo_api.core.errors import AppError, FieldError, Kind
from venmo_api.idempotency.rules import Claim
from venmo_api.ledger.book import Posting
from venmo_api.ledger.rules import bank_account

ROUTE = "top-up"


class Status(StrEnum):
    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"


class UnknownFundingToken(AppError):
    kind = Kind.INVALID
    code = "unknown_funding_token"
    title = "The bank does not know this token"

    def __init__(self) -> None:
        detail = "Use a token the bank gave you; in the sandbox: sandbox_bank_ok."
        super().__init__(detail, fields=(FieldError("/token", detail),))


class FundingSourceNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "funding_source_not_found"
    title = "No such funding source"

    def __init__(self) -> None:
        detail = "There is no funding source of yours with this id."
        super().__init__(detail, fields=(FieldError("/funding_source_id", detail),))


class BankDeclined(AppError):
    kind = Kind.DECLINED
    code = "bank_declined"
    title = "The bank said no"

    def __init__(self) -> None:
        super().__init__("The bank refused to send the money; try a smaller amount or another funding source.")


@dataclass(frozen=True, slots=True)
class Wallet:
    """Cents. ``pending`` is on its way in; ``on_hold`` is yours but not spendable; ``debt`` is what you owe, which
    money that comes in repays first."""

    available: int
    pending: int
    on_hold: int
    debt: int


@dataclass(frozen=True, slots=True)
class Source:
    id: UUID
    type: str
    token: str
    label: str
    last4: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TopUp:
    id: UUID
    user_id: UUID
    source: Source
    amount: int
    currency: str
    status: Status
    claim: Claim
    request_id: str
    created_at: datetime


def posting(top_up: TopUp, *, at: datetime) -> Posting:
    """From the bank's settlement account into the person's wallet."""
    lines = ((bank_account(top_up.user_id), -top_up.amount), (top_up.user_id, top_up.amount))
    return Posting(top_up.id, "top_up", at, lines)
