"""The transaction boundary: what commits, what is tried again, what is told when the server is away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import chain
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.conftest import World
from tests.feed.stand_ins import silent_server
from venmo_api.adapters.postgres import GROUP_MOST, Database, Transaction
from venmo_api.core.errors import Unavailable
from venmo_api.core.events import Event, ProfileChanged
from venmo_api.outbox import service as outbox


async def run_job(tx: Transaction, name: str) -> None:
    await tx.execute(text("INSERT INTO job_runs (name, started_at) VALUES (:name, now())"), {"name": name})


async def count(tx: Transaction, prefix: str) -> int:
    found = await tx.execute(text("SELECT count(*) FROM job_runs WHERE name LIKE :like"), {"like": prefix + "%"})
    return int(found.scalar_one())


@pytest.fixture
async def database(world: World) -> AsyncIterator[Database]:
    url = world.app.database.engine.url.render_as_string(hide_password=False)
    made = Database(url, pool_size=4)
    yield made
    await made.close()


async def test_work_that_returns_is_committed_and_work_that_raises_is_rolled_back(database: Database) -> None:
    kept, lost = f"j{uuid4()}", f"j{uuid4()}"

    async def fails(tx: Transaction) -> None:
        await run_job(tx, lost)
        raise KeyError("mine")

    await database.transact(run_job, kept)
    with pytest.raises(KeyError, match="mine"):
        await database.transact(fails)
    assert (await database.read(count, kept), await database.read(count, lost)) == (1, 0)


async def test_a_read_that_writes_fails_and_keeps_nothing(database: Database) -> None:
    name = f"j{uuid4()}"
    with pytest.raises(DBAPIError, match="read-only"):
        await database.read(run_job, name)
    assert await database.read(count, name) == 0


async def test_two_who_deadlock_both_succeed(database: Database) -> None:
    one, other = f"j{uuid4()}", f"j{uuid4()}"
    for name in (one, other):
        await database.transact(run_job, name)
    update = text("UPDATE job_runs SET runs = runs + 1 WHERE name = :name")
    both_have_one = asyncio.Barrier(2)

    async def work(tx: Transaction, first: str, second: str, tries: list[None]) -> None:
        tries.append(None)
        await tx.execute(update, {"name": first})
        if len(tries) == 1:
            await both_have_one.wait()
        await tx.execute(update, {"name": second})

    tries: tuple[list[None], list[None]] = ([], [])
    await asyncio.gather(database.transact(work, one, other, tries[0]), database.transact(work, other, one, tries[1]))
    assert len(tries[0]) + len(tries[1]) == 3
    runs = text("SELECT runs FROM job_runs WHERE name = :name")

    async def read(tx: Transaction, name: str) -> int:
        return int((await tx.execute(runs, {"name": name})).scalar_one())

    assert [await database.read(read, name) for name in (one, other)] == [3, 3]


async def test_a_serialisation_failure_is_tried_again_a_bounded_number_of_times(database: Database) -> None:
    tries: list[None] = []

    async def work(tx: Transaction, failures: int) -> int:
        tries.append(None)
        if len(tries) <= failures:
            await tx.execute(text("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$"))
        return len(tries)

    assert await database.transact(work, 2) == 3
    tries.clear()
    with pytest.raises(Unavailable):
        await database.transact(work, 10**6)
    assert 2 <= len(tries) <= 10


async def test_a_defect_in_a_statement_is_neither_retried_nor_dressed_up(database: Database) -> None:
    tries: list[None] = []

    async def work(tx: Transaction) -> None:
        tries.append(None)
        await tx.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await database.transact(work)
    assert len(tries) == 1


async def test_a_connection_that_died_in_the_pool_is_not_noticed_by_a_caller(database: Database) -> None:
    for run in (database.read, database.transact):
        async with database.engine.connect() as connection:
            pid = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
        other = Database(str(database.engine.url), pool_size=1, role=None)
        async with other.engine.connect() as killer:
            await killer.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        await other.close()
        assert await run(count, "nothing") == 0


@pytest.mark.parametrize("how", ["refused", "silent"])
async def test_a_server_that_cannot_be_reached_is_unavailable_within_five_seconds(how: str) -> None:
    async with silent_server() as port:
        database = Database(f"postgresql+asyncpg://x@127.0.0.1:{port if how == 'silent' else 1}/x", pool_size=1)
        for run in (database.read, database.transact):
            async with asyncio.timeout(5):
                with pytest.raises(Unavailable):
                    await run(count, "")
        await database.close()


async def test_an_exhausted_pool_is_unavailable_within_two_seconds(database: Database) -> None:
    done = asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await done.wait()

    holders = [asyncio.create_task(database.transact(hold)) for _ in range(4)]
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        with pytest.raises(Unavailable):
            await database.transact(count, "")
    done.set()
    await asyncio.gather(*holders)
    assert await database.transact(count, "nothing") == 0


async def test_who_listens_is_told_after_the_commit_and_only_then(world: World) -> None:
    told: list[tuple[list[Event], int]] = []
    name = f"j{uuid4()}"
    beside = Database(str(world.app.database.engine.url), pool_size=2)

    async def listen(events: Sequence[Event]) -> None:
        told.append((list(events), await beside.read(count, name)))

    database = Database(str(world.app.database.engine.url), pool_size=2, on_commit=listen)
    event = ProfileChanged(uuid4(), world.clock.now())

    async def work(tx: Transaction, error: Exception | None) -> None:
        await run_job(tx, name)
        await outbox.emit(tx, [event], new_id=world.app.new_id)
        if error:
            raise error

    with pytest.raises(KeyError):
        await database.transact(work, KeyError())
    assert told == []
    await database.transact(work, None)
    assert told == [([event], 1)]
    await database.transact(count, name)
    await database.read(count, name)
    assert len(told) == 1
    for one in (database, beside):
        await one.close()


class Batches:
    """A set-based work that writes down its batches and can be held at a gate."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, tx: Transaction, commands: Sequence[int]) -> list[int]:
        self.seen.append(list(commands))
        await self.gate.wait()
        await tx.execute(text("SELECT 1"))
        for command in commands:
            if command < 0:
                raise ValueError(command)
        return [command * 10 for command in commands]


async def test_a_lone_command_goes_at_once_and_those_who_wait_go_together(database: Database) -> None:
    work = Batches()
    group = database.grouped(work)
    assert await group(1) == 10
    work.gate.clear()
    first = asyncio.create_task(group(2))
    async with asyncio.timeout(2):
        while len(work.seen) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    rest = [asyncio.create_task(group(number)) for number in range(3, 136)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(first, *rest) == [number * 10 for number in range(2, 136)]
    assert [len(batch) for batch in work.seen] == [1, 1, 67, 66]
    assert list(chain(*work.seen)) == list(range(1, 3 + GROUP_MOST + 5))


async def test_one_command_that_breaks_a_batch_fails_alone(database: Database) -> None:
    work = Batches()
    group = database.grouped(work)
    outcomes = await asyncio.gather(*(group(number) for number in (1, 2, -3, 4)), return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, Exception)] == [10, 20, 40]
    assert isinstance(outcomes[2], ValueError)
    assert await group(5) == 50


async def test_a_client_who_leaves_takes_nobody_along(database: Database) -> None:
    work = Batches()
    work.gate.clear()
    group = database.grouped(work)
    tasks = [asyncio.create_task(group(number)) for number in (1, 2, 3)]
    async with asyncio.timeout(2):
        while not work.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    tasks[0].cancel()
    tasks[1].cancel()
    work.gate.set()
    assert await tasks[2] == 30
    assert await group(4) == 40


async def test_a_batch_that_finds_no_database_fails_as_unavailable_all_of_it() -> None:
    database = Database("postgresql+asyncpg://x@127.0.0.1:1/x", pool_size=1)
    group = database.grouped(Batches())
    outcomes = await asyncio.gather(*(group(number) for number in range(5)), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    await database.close()


@pytest.mark.parametrize("table", ["events", "ledger_entries", "ledger_transactions"])
@pytest.mark.parametrize("verb", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table}"])
async def test_the_service_cannot_rewrite_history(database: Database, table: str, verb: str) -> None:
    column = "transaction_id" if table == "ledger_entries" else "id"

    async def rewrite(tx: Transaction) -> None:
        await tx.execute(text(verb.format(table=table, column=column)))

    with pytest.raises(DBAPIError):
        await database.transact(rewrite)


async def test_a_constraint_that_keeps_failing_is_told_as_what_it_is(database: Database) -> None:
    name = f"j{uuid4()}"
    await database.transact(run_job, name)
    with pytest.raises(IntegrityError):
        await database.transact(run_job, name)
