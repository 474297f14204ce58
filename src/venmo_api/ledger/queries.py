"""SQL of the ledger: set-based, one statement to open a book and one to close it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.ledger.book import Book

OPEN = text("""
    SELECT id, balance, held, floor, version FROM ledger_accounts
    WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE
""")

CLOSE = text("""
    WITH moved AS (
        UPDATE ledger_accounts a SET balance = b.balance, version = b.version
        FROM unnest(CAST(:accounts AS uuid[]), CAST(:balances AS bigint[]), CAST(:versions AS bigint[]))
             AS b (id, balance, version)
        WHERE a.id = b.id),
    posted AS (
        INSERT INTO ledger_transactions (id, kind, created_at)
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:moments AS timestamptz[])))
    INSERT INTO ledger_entries (transaction_id, account_id, version, amount, balance_after)
    SELECT * FROM unnest(CAST(:transactions AS uuid[]), CAST(:entry_accounts AS uuid[]),
                         CAST(:entry_versions AS bigint[]), CAST(:amounts AS bigint[]),
                         CAST(:balances_after AS bigint[]))
""")

OPEN_WALLET = text("""
    INSERT INTO ledger_accounts (id, kind, created_at) VALUES (:id, 'wallet', :at)
""")

BALANCE = text("SELECT balance, held FROM ledger_accounts WHERE id = :id")


async def lock_accounts(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(OPEN, {"ids": ids})).all()


async def write_book(tx: Transaction, book: Book) -> None:
    touched = {entry.account_id for entry in book.entries}
    accounts = [book.accounts[account_id] for account_id in touched]
    await tx.execute(
        CLOSE,
        {
            "accounts": [account.id for account in accounts],
            "balances": [account.balance for account in accounts],
            "versions": [account.version for account in accounts],
            "ids": [posting.id for posting in book.postings],
            "kinds": [posting.kind for posting in book.postings],
            "moments": [posting.at for posting in book.postings],
            "transactions": [entry.transaction_id for entry in book.entries],
            "entry_accounts": [entry.account_id for entry in book.entries],
            "entry_versions": [entry.version for entry in book.entries],
            "amounts": [entry.amount for entry in book.entries],
            "balances_after": [entry.balance_after for entry in book.entries],
        },
    )


async def insert_wallet(tx: Transaction, account_id: UUID, *, at: datetime) -> None:
    await tx.execute(OPEN_WALLET, {"id": account_id, "at": at})


async def balance(tx: Transaction, account_id: UUID) -> Any:
    return (await tx.execute(BALANCE, {"id": account_id})).one()
