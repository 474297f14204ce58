"""The ledger as of a past moment: where an account stood, and what moved it between two moments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.clock import rfc3339
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
      AND e.version > :after AND e.version <= :through ORDER BY e.version
""")
RAISE_HORIZON = text("""
    UPDATE archive_horizons SET moved_through = greatest(moved_through, :at) WHERE group_name = 'ledger'
""")


class HistoryArchived(AppError):
    kind = Kind.CONFLICT
    code = "history_archived"
    title = "This part of the history is in the archive"

    def __init__(self, since: datetime | None) -> None:
        at_hand = f"; from {rfc3339(since)} on it is at hand" if since else ""
        super().__init__(f"The history of this account before that was moved to the archive{at_hand}.")
        self.extra = {"available_from": rfc3339(since) if since else None}


class TooManyEntries(AppError):
    kind = Kind.INVALID
    code = "too_many_entries"
    title = "The period is too long"

    def __init__(self, found: int, most: int) -> None:
        detail = f"There are {found:,} movements in this period, and {most:,} at most fit; ask for a shorter period."
        super().__init__(detail, fields=(FieldError("?start", detail),))


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
class Stretch:
    """What an account did between two moments. The balances are read apart from the entries, so they can prove them."""

    opening: int
    entries: tuple[Moved, ...]
    closing: int


@dataclass(frozen=True, slots=True)
class _Point:
    version: int
    balance: int


async def balance_at(tx: Transaction, account_id: UUID, at: datetime) -> int:
    """The posted balance once all that happened up to and at ``at`` had happened; 0 for an account not yet made.

    Raises HistoryArchived.
    """
    return (await _before(tx, account_id, at + TICK)).balance


async def entries(tx: Transaction, account_id: UUID, *, start: datetime, end: datetime, most: int) -> Stretch:
    """The entries of ``start`` <= moment < ``end``, in order. ``tx`` must read one snapshot.

    Raises HistoryArchived, and TooManyEntries before more than ``most`` are read.
    """
    opening, closing = await _before(tx, account_id, start), await _before(tx, account_id, end)
    count = closing.version - opening.version
    if count > most:
        raise TooManyEntries(count, most)
    parameters = {"after": opening.version, "through": closing.version, "start": start, "end": end}
    rows: Any = await tx.execute(ENTRIES, parameters | {"account_id": account_id})
    found = tuple(Moved(*row) for row in rows)
    if len(found) != count:  # an archive that is half done has moved some of them already
        raise HistoryArchived(None)
    return Stretch(opening.balance, found, closing.balance)


async def _before(tx: Transaction, account_id: UUID, moment: datetime) -> _Point:
    row: Any = (await tx.execute(STOOD, {"account_id": account_id, "moment": moment})).first()
    if row is None or row.moved_at is None:
        return _Point(0, 0)
    if row.moved_at < moment:
        return _Point(row.last, row.balance)
    if row.version is not None:
        return _Point(row.version, row.balance_after)
    if row.next_version == 1:
        return _Point(0, 0)
    # What there was before was moved away, all of it if what was moved is older than the moment.
    if row.next_version is None or row.moved_through is None or row.moved_through >= moment:
        raise HistoryArchived(min(row.moved_at, row.moved_through or row.moved_at))
    return _Point(row.next_version - 1, row.balance_before)


async def raise_horizon(tx: Transaction, moved_through: datetime) -> None:
    """Remember that ledger transactions up to this moment were moved away."""
    await tx.execute(RAISE_HORIZON, {"at": moved_through})
