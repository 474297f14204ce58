"""The house accounts, and what the ledger refuses. Pure."""

from typing import Final
from uuid import UUID

from venmo_api.core.errors import AppError, Kind

BANK_STRIPES: Final = 16
BANK_FLOOR: Final = -(2**62)


class InsufficientFunds(AppError):
    kind = Kind.DECLINED
    code = "insufficient_funds"
    title = "Not enough money"

    def __init__(self, detail: str = "The balance does not cover this payment; top up or send less.") -> None:
        super().__init__(detail)


class UnbalancedPosting(Exception):
    """A defect: the lines of a posting do not sum to zero, or name one account twice."""


def bank_account(owner: UUID) -> UUID:
    """The stripe of the bank's settlement account that serves ``owner``: many rows, so that none is hot."""
    return bank_stripe(owner.int % BANK_STRIPES)


def bank_stripe(number: int) -> UUID:
    return UUID(int=(0xBA << 64) + number)
