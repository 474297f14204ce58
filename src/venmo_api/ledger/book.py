"""The open book: balances and holds in memory, postings decided one after another, the entries to store. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from venmo_api.ledger.rules import (
    HoldEnded,
    HoldExceeded,
    InsufficientFunds,
    UnbalancedPosting,
    debt_account,
)

TICK = timedelta(microseconds=1)
"""The step of Postgres' clock."""


@dataclass(slots=True)
class OpenAccount:
    """An account as locked. Cents; ``version`` counts its entries, ``moved_at`` is the moment of the last."""

    id: UUID
    balance: int
    held: int
    floor: int
    version: int
    owes: bool = False
    moved_at: datetime | None = None

    @property
    def available(self) -> int:
        """What may leave: the balance less what is held, down to the floor."""
        return self.balance - self.held - self.floor


@dataclass(slots=True)
class OpenHold:
    """Money of an account that is authorised: ``amount`` cents, of which ``captured`` have left."""

    id: UUID
    account_id: UUID
    amount: int
    captured: int
    open: bool
    at: datetime

    @property
    def left(self) -> int:
        return self.amount - self.captured


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
    at: datetime


@dataclass(slots=True)
class Book:
    """Every account and hold a batch may touch, locked by ``ledger.open``; closed by ``ledger.close``. What is up to
    and at ``frozen_through`` is on its way to the archive: nothing is posted there any more."""

    accounts: dict[UUID, OpenAccount]
    holds: dict[UUID, OpenHold] = field(default_factory=dict)
    frozen_through: datetime | None = None
    postings: list[Posting] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    changed_holds: set[UUID] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        accounts: Iterable[OpenAccount],
        holds: Iterable[OpenHold] = (),
        *,
        frozen_through: datetime | None = None,
    ) -> "Book":
        return cls({account.id: account for account in accounts}, {hold.id: hold for hold in holds}, frozen_through)

    def post(self, posting: Posting, *, earmarked: bool = False) -> Posting:
        """Move the money of ``posting`` in memory; all of it or, when this raises, none. The posting as it was posted:
        its moment is never before the last of its accounts, so that an account's times never step back, and after all
        that is frozen.

        Money that comes to somebody who owes repays the house at once, as a posting of its own; not if it is
        ``earmarked``: charged for a payment that follows in this book.
        Raises InsufficientFunds when a line would take an account below its floor plus what is held,
        UnbalancedPosting when the lines cannot be right, KeyError for an account that was not opened.
        """
        posted = self._moved(posting)
        for account_id, amount in () if earmarked else posting.lines:
            if amount > 0 and self.accounts[account_id].owes:
                self._repay(self.accounts[account_id], posted.id, posted.at)
        return posted

    def hold(self, hold_id: UUID, account_id: UUID, amount: int, *, at: datetime) -> OpenHold:
        """Set ``amount`` cents of an account aside. Raises InsufficientFunds when less is available."""
        account = self.accounts[account_id]
        if amount <= 0:
            raise UnbalancedPosting(hold_id)
        if account.available < amount:
            raise InsufficientFunds
        account.held += amount
        placed = self.holds[hold_id] = OpenHold(hold_id, account_id, amount, 0, True, at)
        self.changed_holds.add(hold_id)
        return placed

    def capture(self, hold_id: UUID, amount: int) -> None:
        """Make ``amount`` cents of a hold available to the posting that follows; the rest stays held.

        Raises HoldEnded, or HoldExceeded when less is left.
        """
        held = self.holds[hold_id]
        if amount <= 0:
            raise UnbalancedPosting(hold_id)
        if not held.open:
            raise HoldEnded
        if amount > held.left:
            raise HoldExceeded(held.left)
        held.captured += amount
        held.open = held.left > 0
        self.accounts[held.account_id].held -= amount
        self.changed_holds.add(hold_id)

    def release(self, hold_id: UUID, *, at: datetime) -> int:
        """Give back what is left of a hold: how much that was. Who owes repays from it, as from money that comes in.

        Raises HoldEnded.
        """
        held = self.holds[hold_id]
        if not held.open:
            raise HoldEnded
        account = self.accounts[held.account_id]
        held.open = False
        account.held -= held.left
        self.changed_holds.add(hold_id)
        if account.owes:
            self._repay(account, hold_id, at)
        return held.left

    def advance(self, posting_id: UUID, owner: UUID, amount: int, *, at: datetime) -> None:
        """Lend ``amount`` cents of the house to ``owner``, who owes them from now on."""
        lines = ((debt_account(owner), -amount), (owner, amount))
        self._moved(Posting(posting_id, "advance", at, lines))
        self.accounts[owner].owes = True

    def owed(self, owner: UUID) -> int:
        """What ``owner`` owes the house, in cents."""
        debt = self.accounts.get(debt_account(owner))
        return -debt.balance if debt else 0

    def _repay(self, account: OpenAccount, cause: UUID, at: datetime) -> None:
        amount = min(self.owed(account.id), account.available)
        if amount > 0:
            lines = ((account.id, -amount), (debt_account(account.id), amount))
            self._moved(Posting(uuid5(cause, account.id.hex), "repayment", at, lines))
        account.owes = self.owed(account.id) > 0

    def _moved(self, posting: Posting) -> Posting:
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
        at = max([posting.at, *(account.moved_at for account, _ in moved if account.moved_at)])
        if self.frozen_through and at <= self.frozen_through:
            at = self.frozen_through + TICK
        for account, amount in moved:
            account.balance += amount
            account.version += 1
            account.moved_at = at
            self.entries.append(Entry(posting.id, account.id, account.version, amount, account.balance, at))
        posted = posting if at == posting.at else replace(posting, at=at)
        self.postings.append(posted)
        return posted
