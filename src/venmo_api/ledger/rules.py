"""The house accounts, the accounts of people, and what the ledger refuses. Pure."""

from typing import Final
from uuid import UUID

from venmo_api.core.errors import AppError, Kind

STRIPES: Final = 16
"""House accounts that every payment may touch are many rows, chosen by a person's id, so that none is hot."""
UNBOUNDED: Final = -(2**62)
"""The floor of accounts whose limit is not the ledger's to know."""


class InsufficientFunds(AppError):
    kind = Kind.DECLINED
    code = "insufficient_funds"
    title = "Not enough money"

    def __init__(self, detail: str = "The balance does not cover this payment; top up or send less.") -> None:
        super().__init__(detail)


class HoldEnded(AppError):
    kind = Kind.CONFLICT
    code = "hold_ended"
    title = "Nothing is held any more"

    def __init__(
        self, detail: str = "This authorisation was captured in full, given back or has expired; ask for a new one."
    ) -> None:
        super().__init__(detail)


class HoldExceeded(AppError):
    kind = Kind.DECLINED
    code = "hold_exceeded"
    title = "More than is held"

    def __init__(self, left: int) -> None:
        super().__init__("This is more than what is left of the authorisation; capture less.")
        self.extra = {"left": left}


class UnbalancedPosting(Exception):
    """A defect: the lines of a posting do not sum to zero, or name one account twice; or nothing is to be held."""


def bank_account(owner: UUID) -> UUID:
    """The stripe of the bank's settlement account that serves ``owner``."""
    return bank_stripe(owner.int % STRIPES)


def bank_stripe(number: int) -> UUID:
    return UUID(int=(0xBA << 64) + number)


def fees_account(owner: UUID) -> UUID:
    """The stripe of the account of fees that serves ``owner``."""
    return UUID(int=(0xFE << 64) + owner.int % STRIPES)


def debt_account(owner: UUID) -> UUID:
    """Where it stands what ``owner`` owes the house. Their id with a version no id of ours has, so it is nobody's."""
    return UUID(int=owner.int ^ (0xA << 76))
