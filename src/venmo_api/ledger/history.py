"""The ledger as of a past moment: where an account stood, and what moved it between two moments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError, FieldError, Kind
from venmo_api.ledger.book import TICK

# Times never step back along the versions of an account. An entry before the moment that is gone was moved to the
# archive, and is as old as what was moved or older.
STOOD = text("""
    SELECT a.version AS last, a.balance, a.moved_at, h.moved_through,
           before.version, before.balance_after, next.version AS next_version, next.balance_before
    FROM ledger_accounts a
    LEFT JOIN archive_horizons h ON h.group_name = 'ledger'
    LEFT JOIN LATERAL (
        SELECT e.version, e.balance_after FROM ledger_entries e
        WHERE e.account_id = :account_id AND e.at < :moment
          AND (h.moved_through IS NULL OR e.at > h.moved_through)
        ORDER BY e.at DESC, e.version DESC LIMIT 1) before ON a.moved_at >= :moment
    LEFT JOIN LATERAL (
        SELECT e.version, e.balance_after - e.amount AS balance_before FROM ledger_entries e
        WHERE e.account_id = :account_id AND e.at >= :moment
        ORDER BY e.at, e.version LIMIT 1) next ON a.moved_at >= :moment AND before.version IS NULL
    WHERE a.id = :account_id
""")
ENTRIES = text("""
    SELECT e.version, e.transaction_id, t.kind, e.amount, e.balance_after, e.at
    FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id AND t.created_at = e.at
    WHERE e.account_id = :account_id AND e.at >= :start AND e.at < :end
      AND t.created_at >= :start AND t.created_at < :end
    ORDER BY e.version LIMIT :most
""")
MOVED_THROUGH = text("SELECT moved_through FROM archive_horizons WHERE group_name = 'ledger'")


class TooManyEntries(AppError):
    kind = Kind.INVALID
    code = "too_many_entries"
    title = "The period is too long"

    def __init__(self, found: int, most: int) -> None:
        detail = f"This period has {found:,} movements or more, and {most:,} at most fit; ask for a shorter period."
        super().__init__(detail, fields=(FieldError("?start", detail),))


class WrongHistory(Exception):
    """A defect: the entries of an account are neither in Postgres nor, by what is known of it, in the archive."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An entry of one account with its transaction. Cents."""

    version: int
    transaction_id: UUID
    kind: str
    amount: int
    balance_after: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """Where an account stood: how many entries it had, and its balance."""

    version: int
    balance: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """What an account did between two moments. The balances are read apart from the entries, so they can prove them."""

    opening: int
    entries: tuple[Moved, ...]
    closing: int


@dataclass(frozen=True, slots=True)
class AtHand:
    """What Postgres knows of a stretch. ``opening`` and ``closing`` are None where the archive has to tell; ``joint``
    is where the account stood once all had happened that was archived, ``moved_through`` the last moment of that."""

    account_id: UUID
    start: datetime
    end: datetime
    opening: Point | None
    entries: tuple[Moved, ...]
    closing: Point | None
    joint: Point
    moved_through: datetime | None

    @property
    def stretch(self) -> Stretch | None:
        """All of it, if the archive is not needed."""
        if self.opening is None or self.closing is None:
            return None
        if len(self.entries) != self.closing.version - self.opening.version:
            return None
        return Stretch(self.opening.balance, self.entries, self.closing.balance)


async def at_hand(tx: Transaction, account_id: UUID, *, start: datetime, end: datetime, most: int) -> AtHand:
    """What Postgres knows of the entries of ``start`` <= moment < ``end``. ``tx`` must read one snapshot.

    Raises TooManyEntries before more than ``most`` are read.
    """
    opening = await _before(tx, account_id, start)
    closing = await _before(tx, account_id, end) if end > start else opening
    count = closing.version - opening.version if opening and closing else 0
    if count > most:
        raise TooManyEntries(count, most)
    moved_through = (await tx.execute(MOVED_THROUGH)).scalar_one_or_none()
    joint = await _before(tx, account_id, moved_through + TICK) if moved_through else Point(0, 0)
    if joint is None:
        raise WrongHistory(account_id)
    rows: Any = ()
    if count or opening is None or closing is None:
        parameters = {"account_id": account_id, "start": start, "end": end, "most": most + 1}
        rows = (await tx.execute(ENTRIES, parameters)).all()
    if len(rows) > most:
        raise TooManyEntries(len(rows), most)
    found = tuple(Moved(*row) for row in rows)
    return AtHand(account_id, start, end, opening, found, closing, joint, moved_through)


async def _before(tx: Transaction, account_id: UUID, moment: datetime) -> Point | None:
    """None: the archive knows."""
    row: Any = (await tx.execute(STOOD, {"account_id": account_id, "moment": moment})).first()
    if row is None or row.moved_at is None:
        return Point(0, 0)
    if row.moved_at < moment:
        return Point(row.last, row.balance)
    if row.version is not None:
        return Point(row.version, row.balance_after)
    if row.next_version == 1:
        return Point(0, 0)
    # What there was before was moved away, all of it if what was moved is older than the moment.
    if row.next_version is None or row.moved_through is None or row.moved_through >= moment:
        return None
    return Point(row.next_version - 1, row.balance_before)
