"""Partitions: cut, frozen and dropped by the archivist alone; nothing is written where it is frozen, or lost by it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import World
from tests.ledger import audit
from tests.transfers.commands import user_id
from tests.transfers.steps import run
from venmo_api.adapters.postgres import Contended, Transaction
from venmo_api.archive import partitions, queries
from venmo_api.archive.partitions import Partition
from venmo_api.archive.rules import PartitionTooLarge
from venmo_api.archive.sources import TRANSACTIONS
from venmo_api.ledger import service as ledger
from venmo_api.ledger.book import TICK, Book, Posting

BOUNDS = "SELECT lower::text, upper::text, state FROM archive_partitions WHERE group_name = $1 ORDER BY lower"
MANIFEST = """
    INSERT INTO archive_manifests (sequence, key, sha256, transactions, entries, events, created_at, partition_group,
                                   partition_lower, partition_upper)
    VALUES (:sequence, 'some-key', '', 0, 0, 0, now(), :group, :lower, :upper)
"""
TABLES = {
    "ledger": ("ledger_transactions", "ledger_entries"),
    "events": ("events",),
    "audit": ("audit_log",),
    "risk": ("risk_decisions",),
}
MOMENTS = {"ledger_entries": "at", "audit_log": "at", "risk_decisions": "decided_at"}


async def counts(world: World, table: str) -> dict[str, int]:
    """How many rows each partition of a table holds that holds any."""
    rows = await run(world, f"SELECT tableoid::regclass::text AS leaf, count(*) AS rows FROM {table} GROUP BY 1")
    return {row["leaf"]: row["rows"] for row in rows}


async def moved(world: World, partition: Partition, *, sequence: int = 1, named: Partition | None = None) -> None:
    """Drop a partition with the manifest that says so; ``named`` is the one that the manifest names instead."""

    async def work(tx: Transaction) -> None:
        await queries.become_archivist(tx)
        told = named or partition
        row = {"sequence": sequence, "group": told.group, "lower": told.lower, "upper": told.upper}
        await tx.execute(text(MANIFEST), row)
        await partitions.drop(tx, partition, sequence)

    await partitions.patiently(world.app, work)


async def closed_now(world: World, group: str) -> Partition:
    """What there is of a group until now, cut off and frozen."""
    at = world.clock.now()
    assert await partitions.cut(world.app, group, at)
    found = (await world.app.database.read(partitions.closed, group, at))[-1]
    await partitions.freeze(world.app, found)
    return found


async def test_a_cut_parts_the_rows_of_all_tables_of_a_group_at_one_moment(fresh: World) -> None:
    alice, bob = await fresh.person(money=1000), await fresh.person()
    between = fresh.clock.now()
    fresh.clock.advance(timedelta(hours=1))
    await alice.pay(bob, 100)
    assert await partitions.cut(fresh.app, "ledger", between)
    assert not await partitions.cut(fresh.app, "ledger", between)
    for table in TABLES["ledger"]:
        each = 2 if table == "ledger_entries" else 1
        assert sorted((await counts(fresh, table)).values()) == [each, each]
        later = await run(fresh, f"SELECT count(*) AS rows FROM {table} WHERE {_moment(table)} >= $1", between)
        assert later[0]["rows"] == each
    bounds = await run(fresh, BOUNDS, "ledger")
    assert [bound["lower"] for bound in bounds[1:]] == [bound["upper"] for bound in bounds[:-1]]
    assert (bounds[0]["lower"], bounds[-1]["upper"]) == ("-infinity", "infinity")
    assert len(await run(fresh, BOUNDS, "events")) == 1
    assert await audit.findings(fresh) == []


async def test_whatever_the_clock_says_there_is_a_partition(fresh: World) -> None:
    alice, bob = await fresh.person(money=1000), await fresh.person(money=1000)
    await partitions.cut_ahead(fresh.app)
    for years in (1, -2):
        fresh.clock.advance(timedelta(days=365 * years))
        assert (await alice.pay(bob, 10)).status_code == 201
        await partitions.cut_ahead(fresh.app)
        assert (await bob.pay(alice, 20)).status_code == 201
    fresh.clock.advance(timedelta(days=800))
    assert await fresh.drain() > 0
    assert await audit.findings(fresh) == []


async def test_the_midnights_to_come_are_cut_once_by_the_clock_of_each_group(fresh: World) -> None:
    fresh.clock.advance(timedelta(days=100))
    groups = await fresh.app.database.read(partitions.groups)
    assert await partitions.cut_ahead(fresh.app) == partitions.DAYS_AHEAD * len(groups)
    assert await partitions.cut_ahead(fresh.app) == 0
    for group in ("ledger", "audit"):
        now = (fresh.wall_clock if group == "audit" else fresh.clock).now()
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
        lower = [row["lower"] for row in await run(fresh, "SELECT lower FROM archive_partitions WHERE group_name = $1 "
                                                          "AND lower > '-infinity' ORDER BY lower", group)]  # fmt: skip
        assert lower == [midnight + timedelta(days=ahead) for ahead in range(1, partitions.DAYS_AHEAD + 1)]
    fresh.clock.advance(timedelta(days=1))
    assert await partitions.cut_ahead(fresh.app) == len(set(groups) - partitions.BY_THE_WALL)


async def test_nothing_is_placed_within_what_is_frozen(fresh: World) -> None:
    alice, bob = await fresh.person(money=1000), await fresh.person()
    fresh.clock.advance(timedelta(hours=1))
    fresh.wall_clock.advance(timedelta(hours=1))
    frozen = {group: await closed_now(fresh, group) for group in TABLES}
    fresh.clock.advance(timedelta(hours=-1))
    fresh.wall_clock.advance(timedelta(hours=-1))
    before = {table: await counts(fresh, table) for tables in TABLES.values() for table in tables}
    answer = await alice.pay(bob, 100)
    assert answer.status_code == 201, answer.text
    assert datetime.fromisoformat(answer.json()["created_at"]) >= frozen["ledger"].upper.replace(microsecond=0)
    assert await bob.balance() == 100
    await bob.top_up(500)
    assert await fresh.drain() > 0
    for group, tables in TABLES.items():
        for table in tables:
            query = f"SELECT min({_moment(table)}) AS first, count(*) AS rows FROM {table} WHERE {_moment(table)} >= $1"
            [found] = await run(fresh, query, frozen[group].upper)
            assert found["first"] == frozen[group].upper, table
            assert {leaf: rows for leaf, rows in (await counts(fresh, table)).items() if leaf in before[table]} == (
                before[table]
            )
    assert await audit.findings(fresh) == []


async def test_a_writer_that_opened_its_book_before_the_freeze_runs_again_after_it(fresh: World) -> None:
    posted, books, partition = await _overtaken(fresh)
    assert posted.at == partition.upper
    assert [book.frozen_through for book in books] == [None, partition.upper - TICK]


async def test_without_the_trigger_of_what_is_frozen_that_writer_is_lost_to_the_archive(fresh: World) -> None:
    await run(fresh, "CREATE OR REPLACE FUNCTION archive_refuse(leaf text) RETURNS void LANGUAGE sql AS 'SELECT'")
    posted, books, partition = await _overtaken(fresh)
    assert posted.at < partition.upper
    assert len(books) == 1


async def _overtaken(fresh: World) -> tuple[Posting, list[Book], Partition]:
    """What became of a posting whose book was opened before its day was cut off and frozen, and closed after that."""
    alice, bob = user_id(await fresh.person(money=1000)), user_id(await fresh.person())
    at, opened, frozen = fresh.clock.now(), asyncio.Event(), asyncio.Event()
    books: list[Book] = []

    async def work(tx: Transaction) -> Posting:
        books.append(book := await ledger.open(tx, [alice, bob]))
        opened.set()
        await frozen.wait()
        posted = book.post(Posting(UUID(int=7), "transfer", at, ((alice, -10), (bob, 10))))
        await ledger.close(tx, book)
        return posted

    writer = asyncio.create_task(fresh.app.database.transact(work))
    await opened.wait()
    fresh.clock.advance(timedelta(hours=1))
    partition = await closed_now(fresh, "ledger")
    frozen.set()
    return await writer, books, partition


async def test_a_freeze_waits_for_who_has_written_and_not_committed(fresh: World) -> None:
    alice, bob = user_id(await fresh.person(money=1000)), user_id(await fresh.person())
    at, wrote, commit = fresh.clock.now(), asyncio.Event(), asyncio.Event()

    async def work(tx: Transaction) -> None:
        book = await ledger.open(tx, [alice, bob])
        book.post(Posting(UUID(int=7), "transfer", at, ((alice, -10), (bob, 10))))
        await ledger.close(tx, book)
        await tx.flush()
        wrote.set()
        await commit.wait()

    fresh.clock.advance(timedelta(hours=1))
    at_last = fresh.clock.now()
    assert await partitions.cut(fresh.app, "ledger", at_last)
    [partition] = await fresh.app.database.read(partitions.closed, "ledger", at_last)
    writer = asyncio.create_task(fresh.app.database.transact(work))
    await wrote.wait()
    freezing = asyncio.create_task(partitions.freeze(fresh.app, partition))
    await asyncio.sleep(0.3)
    assert not freezing.done()
    commit.set()
    await asyncio.gather(writer, freezing)
    assert (await counts(fresh, "ledger_entries"))["ledger_entries_first"] == 4


async def test_what_was_moved_is_gone_and_takes_nothing_any_more(fresh: World) -> None:
    alice, bob = await fresh.person(money=1000), await fresh.person()
    late = fresh.clock.now()
    for sequence in (1, 2):
        await alice.pay(bob, 100 + sequence)
        fresh.clock.advance(timedelta(hours=1))
        partition = await closed_now(fresh, "ledger")
        await moved(fresh, partition, sequence=sequence)
        assert await counts(fresh, "ledger_entries") == {}
        assert [(row["upper"] != "infinity", row["state"]) for row in await run(fresh, BOUNDS, "ledger")] == [
            (True, "moved"),
            (False, "open"),
        ]
    assert await alice.balance() == 1000 - 203
    statement = "INSERT INTO ledger_transactions VALUES (gen_random_uuid(), 'transfer', $1)"
    with pytest.raises(asyncpg.SerializationError):
        await run(fresh, statement, late)
    assert (await alice.pay(bob, 1)).status_code == 201
    assert await fresh.app.database.read(partitions.closed, "ledger", fresh.clock.now()) == []
    [horizon] = await run(fresh, "SELECT * FROM archive_horizons WHERE group_name = 'ledger'")
    assert horizon["frozen_through"] == horizon["moved_through"] == partition.upper - TICK


async def test_a_later_partition_may_go_before_an_earlier_one_that_waits(fresh: World) -> None:
    made = []
    for _ in range(3):
        await fresh.person()
        fresh.clock.advance(timedelta(hours=1))
        made.append(await closed_now(fresh, "events"))
    for sequence, number in enumerate((1, 2, 0), start=1):
        await moved(fresh, made[number], sequence=sequence)
        states = [row["state"] for row in await run(fresh, BOUNDS, "events")]
        assert (
            states
            == [["frozen", "moved", "frozen", "open"], ["frozen", "moved", "open"], ["moved", "open"]][sequence - 1]
        )


async def test_nothing_goes_without_a_manifest_of_the_same_transaction_that_names_it(fresh: World) -> None:
    await fresh.person(money=1000)
    at = fresh.clock.now() + timedelta(hours=1)
    assert await partitions.cut(fresh.app, "ledger", at)
    [partition] = await fresh.app.database.read(partitions.closed, "ledger", at)
    with pytest.raises(DBAPIError, match="no manifest of this transaction"):
        await moved(fresh, partition)  # not frozen
    await partitions.freeze(fresh.app, partition)
    other = Partition("ledger", partition.lower, partition.upper + TICK)
    for named in (other, Partition("events", partition.lower, partition.upper)):
        with pytest.raises(DBAPIError, match="no manifest of this transaction"):
            await moved(fresh, partition, named=named)
    row = {"sequence": 1, "group": "ledger", "lower": partition.lower, "upper": partition.upper}

    async def record(tx: Transaction) -> None:
        await queries.become_archivist(tx)
        await tx.execute(text(MANIFEST), row)

    async def drop(tx: Transaction, sequence: int) -> None:
        await queries.become_archivist(tx)
        await partitions.drop(tx, partition, sequence)

    await fresh.app.database.transact(record)
    for sequence in (1, 2):
        with pytest.raises(DBAPIError, match="no manifest of this transaction"):
            await fresh.app.database.transact(drop, sequence)
    await moved(fresh, partition, sequence=2)
    assert await counts(fresh, "ledger_entries") == {}


async def test_partitions_are_frozen_in_their_order_and_the_last_one_never(fresh: World) -> None:
    first, second = (fresh.clock.now() + timedelta(hours=hours) for hours in (1, 2))
    for at in (first, second):
        await partitions.cut(fresh.app, "events", at)
    for wrong in (second, first + TICK, datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(DBAPIError, match="no partition of events ends at"):
            await partitions.freeze(fresh.app, Partition("events", None, wrong))
    await partitions.freeze(fresh.app, Partition("events", None, first))
    await partitions.freeze(fresh.app, Partition("events", None, first))
    assert not await partitions.cut(fresh.app, "events", first - timedelta(minutes=5))
    await partitions.freeze(fresh.app, Partition("events", first, second))


async def test_a_large_day_is_not_cut_while_payments_wait(fresh: World) -> None:
    await fresh.person(money=1000)
    [row] = await run(fresh, "SELECT pg_get_functiondef('archive_cut'::regproc) AS source")
    assert "134217728" in row["source"]
    await run(fresh, row["source"].replace("134217728", "8000"))
    with pytest.raises(PartitionTooLarge, match="the open day of ledger"):
        await partitions.cut(fresh.app, "ledger", fresh.clock.now())
    assert len(await run(fresh, BOUNDS, "ledger")) == 1


async def test_payments_do_not_wait_behind_a_drop_that_waits_for_a_reader(fresh: World) -> None:
    alice, bob = await fresh.person(money=1000), await fresh.person()
    fresh.clock.advance(timedelta(hours=1))
    partition = await closed_now(fresh, "ledger")
    reader = await audit.connect(fresh)
    await reader.execute("BEGIN; SELECT count(*) FROM ledger_entries")
    with pytest.raises(Contended):
        await fresh.app.database.transact(_drop_at_once, partition)
    dropping = asyncio.create_task(moved(fresh, partition))
    for _ in range(10):
        assert (await alice.pay(bob, 10)).status_code == 201
    assert not dropping.done()
    assert await reader.fetchval("SELECT count(*) FROM ledger_entries_first") == 2
    await reader.execute("COMMIT")
    await dropping
    assert set(await counts(fresh, "ledger_entries")) == {_leaf("ledger_entries", partition.upper)}
    await reader.close()


async def _drop_at_once(tx: Transaction, partition: Partition) -> None:
    await queries.become_archivist(tx)
    row = {"sequence": 1, "group": partition.group, "lower": partition.lower, "upper": partition.upper}
    await tx.execute(text(MANIFEST), row)
    await partitions.drop(tx, partition, 1)


async def test_a_partition_is_read_in_pages_and_alone(fresh: World) -> None:
    alice, bob = await fresh.person(money=1000), await fresh.person()
    fresh.clock.advance(timedelta(hours=1))
    partition = await closed_now(fresh, "ledger")
    await alice.pay(bob, 100)

    async def kinds(tx: Transaction) -> list[Any]:
        pages = partitions.scan(tx, partition, TRANSACTIONS.table, TRANSACTIONS.schema)
        return [kind async for page in pages for kind in page["kind"].to_pylist()]

    assert await fresh.app.database.read(kinds) == ["top_up"]


async def test_sixty_partitions_cost_a_payment_the_one_it_is_in(fresh: World) -> None:
    """Neither the proof of balances nor the relay looks into partitions of other days."""
    alice, bob = user_id(await fresh.person(money=1000)), user_id(await fresh.person(money=1000))
    today = fresh.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(-30, 30):
        for group in ("ledger", "events"):
            await partitions.cut(fresh.app, group, today + timedelta(days=day))
    looked = """SELECT relname FROM pg_stat_user_tables WHERE idx_scan + seq_scan > 0
                AND relname ~ '^(ledger_entries|ledger_transactions|events)_'"""
    await _told(fresh)
    await run(fresh, "SELECT pg_stat_reset()")

    async def work(tx: Transaction) -> None:
        book = await ledger.open(tx, [alice, bob])
        book.post(Posting(UUID(int=7), "transfer", fresh.clock.now(), ((alice, -10), (bob, 10))))
        await ledger.close(tx, book)

    await fresh.app.database.transact(work)
    assert await fresh.drain() > 0
    await _told(fresh)
    assert {row["relname"] for row in await run(fresh, looked)} == {
        _leaf("ledger_entries", today),
        _leaf("events", today),
    }
    await run(fresh, "SELECT count(*) FROM ledger_entries")  # had anything looked everywhere, it would be seen
    assert len(await run(fresh, looked)) > 60


async def _told(world: World) -> None:
    """Sessions tell what they looked at when they end."""
    await world.app.database.engine.dispose()
    others = """SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
                AND pid <> pg_backend_pid()"""
    for _ in range(500):
        if not await run(world, others):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("sessions that do not end")


def _moment(table: str) -> str:
    return MOMENTS.get(table, "created_at")


def _leaf(table: str, lower: datetime) -> str:
    rest = lower.strftime("%H%M%S%f")
    return f"{table}_{lower:%Y%m%d}" + (f"_{rest}" if int(rest) else "")
