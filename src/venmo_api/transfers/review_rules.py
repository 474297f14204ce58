"""What may become of a payment that is held to be looked at. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from venmo_api.core.errors import AppError, Kind
from venmo_api.core.figures import Figures
from venmo_api.ledger.book import Book
from venmo_api.transfers import rules
from venmo_api.transfers.rules import Status, Transfer
from venmo_api.users.rules import Party


class HeldVerdict(StrEnum):
    RELEASE = "release"
    CANCEL = "cancel"


class RiskCaseNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "risk_case_not_found"
    title = "No such case"

    def __init__(self) -> None:
        super().__init__("Nothing was decided about a payment with this id, or it is in the archive.")


class PaymentNotHeld(AppError):
    kind = Kind.CONFLICT
    code = "payment_not_held"
    title = "This payment is decided"

    def __init__(self, transfer: Transfer) -> None:
        super().__init__(f"Only a held payment takes a verdict. This one is {transfer.status}; take the next case.")
        self.extra = {"transfer_status": transfer.status}


class RecipientGone(AppError):
    kind = Kind.CONFLICT
    code = "recipient_gone"
    title = "Nobody to release it to"

    def __init__(self) -> None:
        super().__init__("Its recipient has left, or one of the two has blocked the other meanwhile; cancel it.")


class PartyListed(AppError):
    kind = Kind.CONFLICT
    code = "party_listed"
    title = "One of the two is on a list"

    def __init__(self) -> None:
        super().__init__("Its sender or its recipient was put on a list meanwhile; cancel it, or end that entry first.")


def require_held(held: Transfer, now: datetime) -> None:
    """Raises PaymentNotHeld, also for what has run out and is not given back yet."""
    stands = rules.as_of(held, now)
    if stands.status is not Status.HELD:
        raise PaymentNotHeld(stands)


def release(held: Transfer, recipient: Party, *, book: Book, figures: Figures, at: datetime) -> Transfer:
    """The payment goes on as if it had just been made. Raises RecipientGone."""
    if recipient.erased:
        raise RecipientGone
    return rules.settle_claim(held, recipient, book=book, figures=figures, at=max(at, held.created_at))


def let_wait(held: Transfer, *, figures: Figures, at: datetime) -> Transfer:
    """A payment to somebody who has not signed up goes on by waiting for them; its money stays set aside."""
    expires_at = max(at, held.created_at) + timedelta(seconds=figures.claim_seconds)
    return replace(held, status=Status.PENDING, expires_at=expires_at)


def give_back(held: Transfer, *, book: Book, at: datetime, status: Status) -> Transfer:
    """The sender has the money back. What is overdue ended when its time was over, however late that is written."""
    book.release(held.id, at=max(at, held.created_at))
    ended_at = max(min(at, held.expires_at or at), held.created_at)
    return replace(held, status=status, ended_at=ended_at)
