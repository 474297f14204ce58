"""The second check: what the service would never write, the database refuses, whoever asks."""

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.conftest import World, world_over
from tests.ledger import audit
from venmo_api.core import ids
from venmo_api.settings import Settings

POST = """
    WITH moved AS (UPDATE ledger_accounts a
                   SET balance = b.balance, version = b.version, moved_at = now() + b.later * interval '1 us'
                   FROM (VALUES ($1::uuid, {a_balance}::bigint, {a_version}::bigint, {a_moved}),
                                ($2::uuid, {b_balance}::bigint, {b_version}::bigint, {b_moved}))
                        AS b (id, balance, version, later)
                   WHERE a.id = b.id),
    posted AS (INSERT INTO ledger_transactions VALUES ('00000000-0000-0000-0000-00000000beef', 'transfer', now()))
    INSERT INTO ledger_entries (transaction_id, account_id, version, amount, balance_after, at)
    SELECT '00000000-0000-0000-0000-00000000beef', account_id, version, amount, after, now() + later * interval '1 us'
    FROM (VALUES ($1::uuid, {a_entry}, {a_amount}, {a_after}, {a_at}),
                 ($2::uuid, {b_entry}, {b_amount}, {b_after}, {b_at})) AS e (account_id, version, amount, after, later)
"""
SOUND = {
    "a_balance": 900, "a_version": 2, "a_entry": 2, "a_amount": -100, "a_after": 900,
    "b_balance": 100, "b_version": 1, "b_entry": 1, "b_amount": 100, "b_after": 100,
    "a_moved": 0, "a_at": 0, "b_moved": 0, "b_at": 0,
}  # fmt: skip
OPEN_WITH_MONEY = """
    INSERT INTO ledger_accounts (id, kind, balance, created_at) VALUES (gen_random_uuid(), 'wallet', 5, now())
"""
HISTORY = ["ledger_entries", "ledger_transactions", "events"]


@dataclass
class Bench:
    """A ledger with 1000 cents of Alice's and none of Bob's, and a superuser at it."""

    connection: Any
    alice: UUID
    bob: UUID

    async def post(self, **wrong: int) -> None:
        await self.connection.execute(POST.format(**(SOUND | wrong)), self.alice, self.bob)


@pytest.fixture(scope="module")
async def opened(settings: Settings) -> AsyncIterator[Bench]:
    async with world_over(settings) as world:
        people = [await world.person("alice", money=1000), await world.person("bob")]
        alice, bob = (ids.decode(ids.USER, person.id) for person in people)
        assert alice is not None
        assert bob is not None
        connection = await audit.connect(world)
        yield Bench(connection, alice, bob)
        await connection.close()


@pytest.fixture
async def bench(opened: Bench) -> AsyncIterator[Bench]:
    """Whatever a test does, role and all, is rolled back."""
    transaction = opened.connection.transaction()
    await transaction.start()
    yield dataclasses.replace(opened)
    await transaction.rollback()


@pytest.mark.parametrize("role", ["venmo_app", None], ids=["service", "superuser"])
async def test_a_sound_posting_is_accepted(bench: Bench, role: str | None) -> None:
    if role:
        await bench.connection.execute(f"SET ROLE {role}")
    await bench.post()
    rows = await bench.connection.fetch(
        "SELECT id, balance FROM ledger_accounts WHERE id IN ($1, $2)", bench.alice, bench.bob
    )
    assert {tuple(row) for row in rows} == {(bench.alice, 900), (bench.bob, 100)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"b_amount": 101, "b_after": 101, "b_balance": 101},
        {"b_amount": 101},
        {"a_after": 901},
        {"b_after": 99},
        {"a_version": 3},
        {"a_entry": 3},
        {"a_entry": 3, "a_version": 3},
        {"b_balance": 1100, "b_after": 1100},
        {"a_balance": 1000, "a_after": 1000},
        {"b_version": 0},
        {"a_amount": 100, "b_amount": -100},
        {"a_amount": -1001, "a_after": -1, "a_balance": -1, "b_amount": 1001, "b_after": 1001, "b_balance": 1001},
        {"a_at": 1},
        {"a_at": -1},
        {"b_moved": 1},
        {"b_moved": -1, "b_at": 1},
        {"a_at": 86_400_000_000},
        {"a_moved": -31_536_000_000_000, "a_at": -31_536_000_000_000},
        {"a_amount": 0, "a_after": 1000, "a_balance": 1000, "b_amount": 0, "b_after": 0, "b_balance": 0},
    ],
    ids=",".join,
)
@pytest.mark.parametrize("role", ["venmo_app", None], ids=["service", "superuser"])
async def test_a_posting_with_one_thing_wrong_is_refused(bench: Bench, role: str | None, wrong: dict[str, int]) -> None:
    if role:
        await bench.connection.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.CheckViolationError):
        await bench.post(**wrong)


async def test_an_entry_of_an_account_that_does_not_exist_is_refused(bench: Bench) -> None:
    bench.bob = UUID(int=12345)
    with pytest.raises(asyncpg.CheckViolationError):
        await bench.post()


async def test_entries_that_came_before_cannot_be_written_again(bench: Bench) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await bench.post(a_entry=1, a_version=1)


@pytest.mark.parametrize("later", ["0", "1 us", "-1 us", "1 day", "-1 day"])
async def test_an_entry_cannot_be_there_twice_whatever_its_moment_says(bench: Bench, later: str) -> None:
    """The key of a partition knows its own rows only; the account's moment says in which one its last entry is."""
    await bench.post()
    again = f"""INSERT INTO ledger_entries
        SELECT account_id, version, gen_random_uuid(), amount, balance_after, at + interval '{later}'
        FROM ledger_entries WHERE transaction_id = '00000000-0000-0000-0000-00000000beef'"""
    with pytest.raises((asyncpg.UniqueViolationError, asyncpg.CheckViolationError)):
        await bench.connection.execute(again)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_accounts SET balance = balance + 1 WHERE id = $1",
        "UPDATE ledger_accounts SET balance = balance - 1 WHERE id = $1",
        "UPDATE ledger_accounts SET version = version + 1 WHERE id = $1",
        "UPDATE ledger_accounts SET balance = 0, version = 0 WHERE id = $1",
        "UPDATE ledger_accounts SET balance = balance + 1, version = version + 1 WHERE id = $1",
        "UPDATE ledger_accounts SET moved_at = now() WHERE id = $1",
        "UPDATE ledger_accounts SET moved_at = NULL WHERE id = $1",
        "UPDATE ledger_accounts SET balance = -1 WHERE id = $1",
        "UPDATE ledger_accounts SET held = 1001 WHERE id = $1",
        "UPDATE ledger_accounts SET held = -1 WHERE id = $1",
    ],
)
@pytest.mark.parametrize("role", ["venmo_app", None], ids=["service", "superuser"])
async def test_a_balance_cannot_move_without_the_entries_that_say_why(
    bench: Bench, role: str | None, statement: str
) -> None:
    if role:
        await bench.connection.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.CheckViolationError):
        await bench.connection.execute(statement, bench.alice)


async def test_two_wrongs_in_one_statement_do_not_make_a_right(bench: Bench) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await bench.connection.execute(
            "UPDATE ledger_accounts SET balance = 1000 - balance WHERE id IN ($1, $2)", bench.alice, bench.bob
        )


async def test_entries_without_the_balance_are_refused(bench: Bench) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await bench.connection.execute(
            """INSERT INTO ledger_entries (transaction_id, account_id, version, amount, balance_after, at)
               VALUES (gen_random_uuid(), $1, 2, -100, 900, now())""",
            bench.alice,
        )


async def test_the_service_cannot_open_an_account_that_has_money(bench: Bench) -> None:
    await bench.connection.execute("SET ROLE venmo_app")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with bench.connection.transaction():
            await bench.connection.execute(OPEN_WITH_MONEY)
    await bench.connection.execute("RESET ROLE")
    with pytest.raises(asyncpg.CheckViolationError):
        await bench.connection.execute(OPEN_WITH_MONEY)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_accounts SET floor = -1000000",
        "UPDATE ledger_accounts SET id = gen_random_uuid()",
        "UPDATE ledger_accounts SET kind = 'bank'",
        "DELETE FROM ledger_accounts",
        "TRUNCATE ledger_accounts",
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
        "DROP TRIGGER prove ON ledger_entries",
        "SET session_replication_role = replica",
    ],
)
async def test_the_service_may_not_change_the_rules(bench: Bench, statement: str) -> None:
    await bench.connection.execute("SET SESSION AUTHORIZATION venmo_app")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await bench.connection.execute(statement)


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("role", ["venmo_app", None], ids=["service", "superuser"])
async def test_history_is_append_only(bench: Bench, table: str, verb: str, role: str | None) -> None:
    column = {"ledger_entries": "amount", "ledger_transactions": "kind", "events": "topic"}[table]
    statement = {
        "UPDATE": f"UPDATE {table} SET {column} = {column}",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }[verb]
    if role:
        await bench.connection.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        await bench.connection.execute(statement)
    said = "permission denied" if role else "append-only"
    assert said in str(refused.value)


async def test_the_archivist_takes_no_row_away_and_changes_none(bench: Bench) -> None:
    """History leaves by whole partitions (tests/archive/test_partitions.py)."""
    await bench.connection.execute("SET ROLE venmo_archivist")
    for table, column in (("ledger_entries", "amount"), ("ledger_transactions", "kind"), ("events", "topic")):
        for statement in (f"UPDATE {table} SET {column} = {column}", f"TRUNCATE {table}", f"DELETE FROM {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with bench.connection.transaction():
                    await bench.connection.execute(statement)


async def test_the_service_runs_as_the_narrow_role(fresh: World) -> None:
    async with fresh.app.database.engine.connect() as connection:
        role = (await connection.exec_driver_sql("SELECT current_user")).scalar_one()
    assert role == "venmo_app"
