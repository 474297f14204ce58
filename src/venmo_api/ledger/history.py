"""The ledger as of a past moment: where an account stood, and what moved it between two moments."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError, FieldError, Kind

# Times never step back along the versions of an account, so its last version before a moment is found by halving: each
# step probes two primary keys. A version that is gone was moved to the archive, and is older than all that is here.
STOOD = text("""
    WITH RECURSIVE account AS (
        SELECT a.version AS last, a.balance, a.moved_at,
               (SELECT e.version FROM ledger_entries e WHERE e.account_id = a.id ORDER BY e.version LIMIT 1) AS first
        FROM ledger_accounts a WHERE a.id = :account_id),
    search (low, high) AS (
        SELECT coalesce(first - 1, last), last + 1 FROM account
        UNION ALL
        SELECT CASE WHEN is_before THEN middle ELSE low END, CASE WHEN is_before THEN high ELSE middle END
        FROM (
            SELECT low, high, (low + high) / 2 AS middle, coalesce((
                SELECT t.created_at < :moment
                FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
                WHERE e.account_id = :account_id AND e.version = (low + high) / 2), true) AS is_before
            FROM search WHERE high - low > 1) probe)
    SELECT s.low AS version, a.last, a.balance, a.moved_at, e.balance_after,
           n.balance_after - n.amount AS balance_before_next,
           (SELECT max(archived_through) FROM ledger_horizon) AS archived_through
    FROM search s CROSS JOIN account a
    LEFT JOIN ledger_entries e ON e.account_id = :account_id AND e.version = s.low
    LEFT JOIN ledger_entries n ON n.account_id = :account_id AND n.version = s.low + 1
    WHERE s.high - s.low = 1
""")
ENTRIES = text("""
    SELECT e.version, e.transaction_id, t.kind, e.amount, e.balance_after, t.created_at AS at
    FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
    WHERE e.account_id = :account_id AND e.version > :after AND e.version <= :through ORDER BY e.version
""")
RAISE_HORIZON = text("""
    INSERT INTO ledger_horizon AS h (id, archived_through) VALUES (1, :at)
    ON CONFLICT (id) DO UPDATE SET archived_through = greatest(h.archived_through, excluded.archived_through)
""")
TICK = timedelta(microseconds=1)
"""The step of Postgres' clock."""


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
    parameters = {"account_id": account_id, "after": opening.version, "through": closing.version}
    rows: Any = await tx.execute(ENTRIES, parameters)
    found = tuple(Moved(*row) for row in rows)
    if len(found) != count:  # an archive that is half done has moved some of them already
        raise HistoryArchived(None)
    return Stretch(opening.balance, found, closing.balance)


async def _before(tx: Transaction, account_id: UUID, moment: datetime) -> _Point:
    row: Any = (await tx.execute(STOOD, {"account_id": account_id, "moment": moment})).first()
    if row is None or row.version == 0:
        return _Point(0, 0)
    if row.balance_after is not None:
        return _Point(row.version, row.balance_after)
    # The entry was moved away. All that was is as old as the horizon or older, and as the account's last move.
    moved_through = row.archived_through
    if row.version == row.last and row.moved_at is not None:
        moved_through = min(row.moved_at, moved_through or row.moved_at)
    if moved_through is None or moved_through >= moment:
        raise HistoryArchived(moved_through)
    return _Point(row.version, row.balance if row.version == row.last else row.balance_before_next)


async def raise_horizon(tx: Transaction, archived_through: datetime) -> None:
    """Remember that ledger transactions up to this moment were moved away."""
    await tx.execute(RAISE_HORIZON, {"at": archived_through})
