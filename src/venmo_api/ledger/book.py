"""The open book: balances in memory, postings decided one after another, entries as they will be stored. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from venmo_api.ledger.rules import InsufficientFunds, UnbalancedPosting


@dataclass(slots=True)
class OpenAccount:
    """An account as locked. Cents; ``version`` counts its entries."""

    id: UUID
    balance: int
    held: int
    floor: int
    version: int

    @property
    def available(self) -> int:
        """What may leave: the balance less what is held, down to the floor."""
        return self.balance - self.held - self.floor


@dataclass(frozen=True, slots=True)
class Posting:
    """One balanced movement: cents per account, summing to zero."""

    id: UUID
    kind: str
    at: datetime
    lines: tuple[tuple[UUID, int], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    transaction_id: UUID
    account_id: UUID
    version: int
    amount: int
    balance_after: int


@dataclass(slots=True)
class Book:
    """Every account a batch may touch, locked by ``ledger.open``; closed by ``ledger.close``."""

    accounts: dict[UUID, OpenAccount]
    postings: list[Posting] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @classmethod
    def of(cls, accounts: Iterable[OpenAccount]) -> "Book":
        return cls({account.id: account for account in accounts})

    def post(self, posting: Posting) -> list[Entry]:
        """Move the money of ``posting`` in memory; all of it or, when this raises, none.

        Raises InsufficientFunds when a line would take an account below its floor plus what is held,
        UnbalancedPosting when the lines cannot be right, KeyError for an account that was not opened.
        """
        lines = posting.lines
        if (
            len(lines) < 2
            or sum(amount for _, amount in lines) != 0
            or len({account for account, _ in lines}) != len(lines)
            or any(amount == 0 for _, amount in lines)
        ):
            raise UnbalancedPosting(posting.id)
        for account_id, amount in lines:
            if amount < 0 and self.accounts[account_id].available + amount < 0:
                raise InsufficientFunds
        moved = [(self.accounts[account_id], amount) for account_id, amount in lines]
        entries = []
        for account, amount in moved:
            account.balance += amount
            account.version += 1
            entries.append(Entry(posting.id, account.id, account.version, amount, account.balance))
        self.postings.append(posting)
        self.entries.extend(entries)
        return entries
