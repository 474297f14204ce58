"""Open and close against a real Postgres: what the book says is what the rows say."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tests.conftest import World
from tests.ledger import audit
from venmo_api.adapters.postgres import Transaction
from venmo_api.core import ids
from venmo_api.core.errors import Unavailable
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import Book, Posting
from venmo_api.ledger.rules import InsufficientFunds, bank_account

SHORT_WAIT = text("SET LOCAL lock_timeout = '50ms'")
AT = datetime(2036, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)


async def _wallet(world: World, *, money: int = 0) -> UUID:
    """A wallet with a person behind it."""
    person = await world.person(money=money)
    found = ids.decode(ids.USER, person.id)
    assert found is not None
    return found


def _move(number: int, *lines: tuple[UUID, int]) -> Posting:
    return Posting(UUID(int=number), "transfer", AT, lines)


async def test_close_writes_what_the_book_says(fresh: World) -> None:
    alice, bob = await _wallet(fresh, money=1000), await _wallet(fresh)

    async def work(tx: Transaction) -> Book:
        book = await ledger.open(tx, [bob, alice, alice])
        book.post(_move(1, (alice, -300), (bob, 300)))
        book.post(_move(2, (bob, -50), (alice, 50)))
        with pytest.raises(InsufficientFunds):
            book.post(_move(3, (alice, -751), (bob, 751)))
        await ledger.close(tx, book)
        return book

    book = await fresh.app.database.transact(work)
    connection = await audit.connect(fresh)
    accounts = await connection.fetch(
        "SELECT id, balance, version, held, floor FROM ledger_accounts WHERE kind = 'wallet'"
    )
    assert {tuple(row) for row in accounts} == {(alice, 750, 3, 0, 0), (bob, 250, 2, 0, 0)}
    transactions = await connection.fetch(
        "SELECT id, kind, created_at FROM ledger_transactions WHERE kind = 'transfer'"
    )
    assert {tuple(row) for row in transactions} == {
        (UUID(int=1), "transfer", AT),
        (UUID(int=2), "transfer", AT),
    }
    entries = await connection.fetch("""
        SELECT transaction_id, account_id, version, amount, balance_after FROM ledger_entries
        WHERE transaction_id IN (SELECT id FROM ledger_transactions WHERE kind = 'transfer')""")
    await connection.close()
    assert {tuple(row) for row in entries} == {
        (UUID(int=1), alice, 2, -300, 700),
        (UUID(int=1), bob, 1, 300, 300),
        (UUID(int=2), bob, 2, -50, 250),
        (UUID(int=2), alice, 3, 50, 750),
    }
    assert len(book.entries) == 4


async def test_closing_a_book_without_postings_writes_nothing(fresh: World) -> None:
    alice = await _wallet(fresh, money=1000)

    async def work(tx: Transaction) -> None:
        await ledger.close(tx, await ledger.open(tx, [alice]))

    await fresh.app.database.transact(work)
    assert await audit.balances(fresh) == {alice: 1000}
    assert await audit.findings(fresh) == []


async def test_accounts_that_do_not_exist_are_absent_from_the_book(fresh: World) -> None:
    alice = await _wallet(fresh)

    async def work(tx: Transaction) -> Book:
        return await ledger.open(tx, [alice, uuid4()])

    book = await fresh.app.database.transact(work)
    assert list(book.accounts) == [alice]


async def test_a_book_is_rolled_back_with_its_transaction(fresh: World) -> None:
    alice, bob = await _wallet(fresh, money=1000), await _wallet(fresh)

    async def work(tx: Transaction) -> None:
        book = await ledger.open(tx, [alice, bob])
        book.post(_move(1, (alice, -300), (bob, 300)))
        await ledger.close(tx, book)
        raise InsufficientFunds

    with pytest.raises(InsufficientFunds):
        await fresh.app.database.transact(work)
    assert await audit.balances(fresh) == {alice: 1000, bob: 0}


async def test_a_new_wallet_is_empty_and_bank_stripes_pay_what_comes_in(fresh: World) -> None:
    alice = await _wallet(fresh, money=700)
    connection = await audit.connect(fresh)
    bank = await connection.fetch("SELECT id, balance FROM ledger_accounts WHERE kind = 'bank' AND balance <> 0")
    stripes = await connection.fetchval("SELECT count(*) FROM ledger_accounts WHERE kind = 'bank'")
    await connection.close()
    assert [tuple(row) for row in bank] == [(bank_account(alice), -700)]
    assert stripes == 16


async def test_an_open_book_keeps_others_waiting_so_no_update_is_lost(fresh: World) -> None:
    alice, bob = await _wallet(fresh, money=1000), await _wallet(fresh)
    opened, may_close = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        book = await ledger.open(tx, [alice, bob])
        opened.set()
        await may_close.wait()
        book.post(_move(1, (alice, -600), (bob, 600)))
        await ledger.close(tx, book)

    async def quick(tx: Transaction) -> None:
        book = await ledger.open(tx, [bob, alice])
        book.post(_move(2, (alice, -600), (bob, 600)))
        await ledger.close(tx, book)

    first = asyncio.create_task(fresh.app.database.transact(slow))
    await opened.wait()
    second = asyncio.create_task(fresh.app.database.transact(quick))
    connection = await audit.connect(fresh)
    async with asyncio.timeout(5):
        while not await connection.fetchval("""
            SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""):
            pass
    await connection.close()
    assert not second.done()
    may_close.set()
    await first
    with pytest.raises(InsufficientFunds):
        await second
    assert await audit.balances(fresh) == {alice: 400, bob: 600}


async def test_who_waits_too_long_for_a_lock_is_told_to_retry(fresh: World) -> None:
    alice = await _wallet(fresh, money=1000)
    connection = await audit.connect(fresh)
    holding = connection.transaction()
    await holding.start()
    await connection.execute("SELECT 1 FROM ledger_accounts WHERE id = $1 FOR UPDATE", alice)

    async def impatient(tx: Transaction) -> None:
        await tx.execute(SHORT_WAIT)
        await ledger.open(tx, [alice])

    try:
        with pytest.raises(Unavailable) as refused:
            await fresh.app.database.transact(impatient)
    finally:
        await holding.rollback()
        await connection.close()
    assert refused.value.retry_after_seconds == 1


async def test_the_balance_of_an_account_is_what_may_be_spent_and_what_is_held(fresh: World) -> None:
    alice = await _wallet(fresh, money=1000)

    async def hold(tx: Transaction) -> None:
        book = await ledger.open(tx, [alice])
        book.hold(UUID(int=9), alice, 300, at=AT)
        await ledger.close(tx, book)

    await fresh.app.database.transact(hold)

    async def look(tx: Transaction) -> ledger.Balance:
        return await ledger.balance(tx, alice)

    assert await fresh.app.database.read(look) == ledger.Balance(available=700, on_hold=300, debt=0)
