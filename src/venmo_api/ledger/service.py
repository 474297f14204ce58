"""Open the book, decide, close the book. A person's wallet account carries the person's id."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from venmo_api.adapters.postgres import Transaction
from venmo_api.ledger import queries
from venmo_api.ledger.book import Book, OpenAccount, OpenHold
from venmo_api.ledger.rules import UNBOUNDED, debt_account


@dataclass(frozen=True, slots=True)
class Balance:
    """Cents. ``available`` is what may be spent: posted less held. ``debt`` is owed to the house."""

    available: int
    on_hold: int
    debt: int


async def open_wallet(tx: Transaction, user_id: UUID, *, at: datetime) -> None:
    """Give a new person an account at zero that can never go below it."""
    await queries.insert_wallet(tx, user_id, at=at)


async def open(tx: Transaction, accounts: Iterable[UUID], *, holds: Sequence[UUID] = ()) -> Book:
    """Lock ``accounts`` in id order (so that no two books can deadlock); load their balances and ``holds`` of theirs.

    The debt account of whoever owes is opened too; their wallet's lock guards it. Accounts and holds that do not exist
    are absent from the book.
    """
    rows = await queries.lock_accounts(tx, sorted(set(accounts)))
    debts = sorted(debt_account(row.id) for row in rows if row.owes)
    if debts:
        rows = [*rows, *await queries.lock_accounts(tx, debts)]
    frozen_through = rows[0].frozen_through if rows else None
    return Book.of(_accounts(rows), await _holds(tx, holds) if holds else (), frozen_through=frozen_through)


async def let_owe(tx: Transaction, book: Book, owner: UUID, *, at: datetime) -> None:
    """Open the debt account of somebody whose wallet is in the book; made, if they never owed."""
    debt = debt_account(owner)
    if debt not in book.accounts:
        await queries.insert_debts(tx, [debt], floor=UNBOUNDED, at=at)
        book.accounts |= {account.id: account for account in _accounts(await queries.lock_accounts(tx, [debt]))}


async def close(tx: Transaction, book: Book) -> None:
    """Write balances, holds, transactions and entries, in one statement with what else the transaction writes; the
    database checks the same rules again."""
    if book.postings or book.changed_holds:
        await queries.write_book(tx, book)


async def balance(tx: Transaction, account_id: UUID) -> Balance:
    row = await queries.balance(tx, account_id, debt_account(account_id))
    return Balance(available=row.balance - row.held, on_hold=row.held, debt=row.debt)


def _accounts(rows: Iterable[Any]) -> list[OpenAccount]:
    return [OpenAccount(row.id, row.balance, row.held, row.floor, row.version, row.owes, row.moved_at) for row in rows]


async def _holds(tx: Transaction, ids: Sequence[UUID]) -> list[OpenHold]:
    rows = await queries.holds(tx, ids)
    return [OpenHold(row.id, row.account_id, row.amount, row.captured, row.open, row.created_at) for row in rows]
