"""SQL of the ledger: set-based, one statement to open a book and one round trip to close it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.ledger.book import Book

# The horizon is read with the locks: whoever posts before it all the same meets a partition that is frozen, and is
# run again.
OPEN = text("""
    SELECT id, balance, held, floor, version, owes, moved_at,
           (SELECT frozen_through FROM archive_horizons WHERE group_name = 'ledger') AS frozen_through
    FROM ledger_accounts
    WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE
""")
# Holds need no lock of their own: whoever changes one has locked its account.
HOLDS = text("""
    SELECT id, account_id, amount, captured, open, created_at FROM ledger_holds WHERE id = ANY(CAST(:ids AS uuid[]))
""")

# Written together (``tx.write``): the triggers that prove the ledger look once all of it is there.
MOVE = text("""
    UPDATE ledger_accounts a
    SET balance = b.balance, version = b.version, held = b.held, owes = b.owes, moved_at = b.moved_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:balances AS bigint[]), CAST(:versions AS bigint[]),
                CAST(:held AS bigint[]), CAST(:owes AS boolean[]), CAST(:moved AS timestamptz[]))
         AS b (id, balance, version, held, owes, moved_at)
    WHERE a.id = b.id
""")
POST = text("""
    INSERT INTO ledger_transactions (id, kind, created_at)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:moments AS timestamptz[]))
""")
ENTER = text("""
    INSERT INTO ledger_entries (transaction_id, account_id, version, amount, balance_after, at)
    SELECT * FROM unnest(CAST(:transactions AS uuid[]), CAST(:accounts AS uuid[]), CAST(:versions AS bigint[]),
                         CAST(:amounts AS bigint[]), CAST(:balances_after AS bigint[]),
                         CAST(:moments AS timestamptz[]))
""")
HOLD = text("""
    INSERT INTO ledger_holds (id, account_id, amount, captured, open, created_at)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:accounts AS uuid[]), CAST(:amounts AS bigint[]),
                         CAST(:captured AS bigint[]), CAST(:open AS boolean[]), CAST(:since AS timestamptz[]))
    ON CONFLICT (id) DO UPDATE SET captured = excluded.captured, open = excluded.open
""")

OPEN_WALLET = text("INSERT INTO ledger_accounts (id, kind, created_at) VALUES (:id, 'wallet', :at)")
OPEN_DEBTS = text("""
    INSERT INTO ledger_accounts (id, kind, floor, created_at)
    SELECT id, 'debt', CAST(:floor AS bigint), :at FROM unnest(CAST(:ids AS uuid[])) AS d (id)
    ON CONFLICT (id) DO NOTHING
""")
BALANCE = text("""
    SELECT a.balance, a.held, coalesce(-d.balance, 0) AS debt
    FROM ledger_accounts a LEFT JOIN ledger_accounts d ON a.owes AND d.id = :debt_id WHERE a.id = :id
""")


async def lock_accounts(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(OPEN, {"ids": ids})).all()


async def holds(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(HOLDS, {"ids": ids})).all()


async def write_book(tx: Transaction, book: Book) -> None:
    """Gather all that changed; it reaches the database as one statement."""
    holds = [book.holds[hold_id] for hold_id in book.changed_holds]
    touched = {entry.account_id for entry in book.entries} | {hold.account_id for hold in holds}
    accounts = [book.accounts[account_id] for account_id in touched]
    moved = {
        "ids": [account.id for account in accounts],
        "balances": [account.balance for account in accounts],
        "versions": [account.version for account in accounts],
        "held": [account.held for account in accounts],
        "owes": [account.owes for account in accounts],
        "moved": [account.moved_at for account in accounts],
    }
    posted = {
        "ids": [posting.id for posting in book.postings],
        "kinds": [posting.kind for posting in book.postings],
        "moments": [posting.at for posting in book.postings],
    }
    entered = {
        "transactions": [entry.transaction_id for entry in book.entries],
        "accounts": [entry.account_id for entry in book.entries],
        "versions": [entry.version for entry in book.entries],
        "amounts": [entry.amount for entry in book.entries],
        "balances_after": [entry.balance_after for entry in book.entries],
        "moments": [entry.at for entry in book.entries],
    }
    held = {
        "ids": [hold.id for hold in holds],
        "accounts": [hold.account_id for hold in holds],
        "amounts": [hold.amount for hold in holds],
        "captured": [hold.captured for hold in holds],
        "open": [hold.open for hold in holds],
        "since": [hold.at for hold in holds],
    }
    await tx.write(MOVE, moved)
    if book.postings:
        await tx.write(POST, posted)
        await tx.write(ENTER, entered)
    if holds:
        await tx.write(HOLD, held)


async def insert_wallet(tx: Transaction, account_id: UUID, *, at: datetime) -> None:
    await tx.execute(OPEN_WALLET, {"id": account_id, "at": at})


async def insert_debts(tx: Transaction, ids: Sequence[UUID], *, floor: int, at: datetime) -> None:
    await tx.execute(OPEN_DEBTS, {"ids": ids, "floor": floor, "at": at})


async def balance(tx: Transaction, account_id: UUID, debt_id: UUID) -> Any:
    return (await tx.execute(BALANCE, {"id": account_id, "debt_id": debt_id})).one()
