"""Open the book, decide, close the book. A person's wallet account carries the person's id."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from venmo_api.adapters.postgres import Transaction
from venmo_api.ledger import queries
from venmo_api.ledger.book import Book, OpenAccount


@dataclass(frozen=True, slots=True)
class Balance:
    """Cents. ``available`` is what may be spent: posted less held."""

    available: int
    on_hold: int


async def open_wallet(tx: Transaction, user_id: UUID, *, at: datetime) -> None:
    """Give a new person an account at zero that can never go below it."""
    await queries.insert_wallet(tx, user_id, at=at)


async def open(tx: Transaction, accounts: Iterable[UUID]) -> Book:
    """Lock ``accounts`` in id order (so that no two books can deadlock) and load their balances.

    Accounts that do not exist are absent from the book.
    """
    rows = await queries.lock_accounts(tx, sorted(set(accounts)))
    return Book.of(OpenAccount(row.id, row.balance, row.held, row.floor, row.version) for row in rows)


async def close(tx: Transaction, book: Book) -> None:
    """Write balances, transactions and entries in one statement; the database checks the same rules again."""
    if book.postings:
        await queries.write_book(tx, book)


async def balance(tx: Transaction, account_id: UUID) -> Balance:
    row = await queries.balance(tx, account_id)
    return Balance(available=row.balance - row.held, on_hold=row.held)
