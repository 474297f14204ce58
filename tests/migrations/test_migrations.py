"""Up from nothing, down to nothing, up again; and the models say what the migrated schema is."""

import asyncio
import importlib
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, Integer, MetaData, Table, Text, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from tests.conftest import ROOT, database_url
from venmo_api.adapters.postgres import Model

PARTITIONS = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
IN_MIGRATIONS_ONLY = {("ledger_accounts", "ck_ledger_accounts_known_version")}


def _config(database: str) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = database_url(database)
    return config


async def _alembic(verb: Any, database: str, revision: str) -> None:
    await asyncio.to_thread(verb, _config(database), revision)


@pytest.fixture
async def empty() -> AsyncIterator[str]:
    """The name of a database with nothing in it."""
    name = f"venmo_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(database_url("postgres", driver="postgresql"))
    await connection.execute(f'CREATE DATABASE "{name}"')
    yield name
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


async def _inside(database: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything a migration can leave in a schema: what ``pg_dump --schema-only`` would tell, as rows."""
    questions = {
        "columns": """SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
                      FROM information_schema.columns WHERE table_schema = 'public'""",
        "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
                          WHERE connamespace = 'public'::regnamespace""",
        "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "triggers": "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "grants": """SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
                     WHERE table_schema = 'public' AND grantee LIKE 'venmo\\_%'""",
        "columns granted": """SELECT table_name, column_name, grantee, privilege_type
                              FROM information_schema.column_privileges
                              WHERE table_schema = 'public' AND grantee LIKE 'venmo\\_%'""",
        "options": "SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        "types": "SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'",
    }
    connection = await asyncpg.connect(database_url(database, driver="postgresql"))
    try:
        found = {
            name: sorted((tuple(row) for row in await connection.fetch(question)), key=repr)
            for name, question in questions.items()
        }
    finally:
        await connection.close()
    return {name: [row for row in rows if "alembic_version" not in repr(row)] for name, rows in found.items()}


async def test_up_down_and_up_again_leave_the_same_schema(empty: str) -> None:
    nothing = await _inside(empty)
    await _alembic(command.upgrade, empty, "head")
    first = await _inside(empty)
    assert len(first["columns"]) > 50
    assert len(first["grants"]) > 20
    await _alembic(command.downgrade, empty, "base")
    assert await _inside(empty) == nothing
    await _alembic(command.upgrade, empty, "head")
    assert await _inside(empty) == first


async def test_every_step_can_be_taken_back_and_taken_again(empty: str) -> None:
    steps = [script.revision for script in ScriptDirectory.from_config(_config(empty)).walk_revisions()][::-1]
    for number, step in enumerate(steps):
        before = await _inside(empty)
        await _alembic(command.upgrade, empty, step)
        after = await _inside(empty)
        await _alembic(command.downgrade, empty, steps[number - 1] if number else "base")
        assert await _inside(empty) == before, f"{step} does not undo itself"
        await _alembic(command.upgrade, empty, step)
        assert await _inside(empty) == after


async def test_one_line_of_migrations_named_by_number_and_verb() -> None:
    scripts = ScriptDirectory.from_config(_config("unused"))
    assert len(scripts.get_heads()) == 1
    for script in scripts.walk_revisions():
        name = str(script.path).rpartition("/")[2]
        assert re.fullmatch(r"\d{4}_[a-z]+(_[a-z0-9]+)+\.py", name), name
        assert name.startswith(script.revision)


def _models() -> MetaData:
    """The tables of every models.py there is, whether or not migrations/env.py knows of it."""
    for path in (ROOT / "src" / "venmo_api").glob("*/models.py"):
        importlib.import_module(f"venmo_api.{path.parent.name}.models")
    return Model.metadata


async def _compare(database: str, metadata: MetaData) -> list[Any]:
    def run(connection: Connection) -> list[Any]:
        def is_whole(name: str | None, kind: str, parents: Any) -> bool:
            """Partitions are no models: they come and go with the days."""
            return kind != "table" or name not in partitions

        partitions = set(connection.exec_driver_sql(PARTITIONS).scalars())
        options = {"compare_type": True, "compare_server_default": True, "include_name": is_whole}
        differences: list[Any] = list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))
        stored = inspect(connection)
        for name, table in metadata.tables.items():
            if not stored.has_table(name):
                continue
            said = {constraint.name for constraint in table.constraints if isinstance(constraint, CheckConstraint)}
            is_so = {constraint["name"] for constraint in stored.get_check_constraints(name)}
            differences += [("check", name, check) for check in said ^ is_so if (name, check) not in IN_MIGRATIONS_ONLY]
        return differences

    engine = create_async_engine(database_url(database))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(run)
    finally:
        await engine.dispose()


async def test_models_say_what_the_migrated_schema_is(empty: str) -> None:
    await _alembic(command.upgrade, empty, "head")
    assert await _compare(empty, _models()) == []


def _planted(table: str, *more: Any, without: str = "") -> MetaData:
    """The models, with one table changed."""
    copied = MetaData(naming_convention=Model.metadata.naming_convention)
    for original in _models().tables.values():
        original.to_metadata(copied)
    kept = [column._copy() for column in copied.tables[table].columns if column.name != without]
    if table in copied.tables and (more or without):
        for item in more:
            if isinstance(item, Column):
                copied.tables[table].append_column(item, replace_existing=True)
            else:
                copied.tables[table].append_constraint(item)
    if without:
        copied.remove(copied.tables[table])
        Table(table, copied, *kept)
    return copied


async def test_a_planted_difference_is_found(empty: str) -> None:
    await _alembic(command.upgrade, empty, "head")
    assert await _compare(empty, _planted("users")) == []
    planted = {
        "add_column": _planted("users", Column("shoe_size", Integer)),
        "remove_column": _planted("job_runs", without="runs"),
        "modify_type": _planted("stories", Column("likes", BigInteger, server_default="0", nullable=False)),
        "modify_nullable": _planted("transfers", Column("note", Text, nullable=True)),
        "check": _planted("transfers", CheckConstraint("amount < 5", name="planted")),
    }
    for kind, metadata in planted.items():
        assert kind in repr(await _compare(empty, metadata)), kind
    extra = _planted("users")
    Table("planted", extra, Column("id", Integer, primary_key=True))
    assert "add_table" in repr(await _compare(empty, extra))


async def test_the_service_may_read_every_table_and_only_ever_add_to_history(empty: str) -> None:
    await _alembic(command.upgrade, empty, "head")
    grants = {(row[0], row[2]) for row in (await _inside(empty))["grants"] if row[1] == "venmo_app"}
    assert {table for table, verb in grants if verb == "SELECT"} >= set(_models().tables)
    for table in ("ledger_entries", "ledger_transactions", "events", "audit_log", "audit_chain"):
        assert {verb for name, verb in grants if name == table} == {"SELECT", "INSERT"}
    assert not {table for table, verb in grants if verb in ("TRUNCATE", "TRIGGER", "REFERENCES")}


BEFORE_PARTITIONS = """
    INSERT INTO ledger_accounts (id, kind, balance, version, moved_at, created_at)
    VALUES ('00000000-0000-0000-0000-0000000000aa', 'wallet', 40, 40, '2026-01-12 15:00+00', '2026-01-01 00:00+00');
    INSERT INTO ledger_transactions SELECT gen_random_uuid(), 'transfer', '2026-01-01'::timestamptz + n * interval '7 h'
    FROM generate_series(1, 40) n;
    INSERT INTO ledger_entries SELECT '00000000-0000-0000-0000-0000000000aa', n, id, 1, n
    FROM (SELECT id, row_number() OVER (ORDER BY created_at) AS n FROM ledger_transactions) t;
    INSERT INTO events SELECT gen_random_uuid(), 'X', '{}', created_at FROM ledger_transactions;
    INSERT INTO outbox_queue (event_id, subject_id, due_at) SELECT id, id, now() FROM events LIMIT 3;
    INSERT INTO audit_log (id, at, act, result) SELECT id, created_at, 'sign_in', 'ok' FROM events;
    INSERT INTO audit_queue SELECT id FROM audit_log LIMIT 2;
    INSERT INTO ledger_horizon VALUES (1, '2025-12-31 23:59+00')
"""
WHOLE = """
    SELECT (SELECT sha256(string_agg(to_jsonb(t)::text, '' ORDER BY id)::bytea) FROM ledger_transactions t),
           (SELECT sha256(string_agg((to_jsonb(e) - 'at')::text, '' ORDER BY version)::bytea) FROM ledger_entries e),
           (SELECT sha256(string_agg(to_jsonb(e)::text, '' ORDER BY id)::bytea) FROM events e),
           (SELECT sha256(string_agg(to_jsonb(l)::text, '' ORDER BY id)::bytea) FROM audit_log l)
"""


async def test_history_that_is_there_comes_along_into_partitions_and_back(empty: str) -> None:
    await _alembic(command.upgrade, empty, "0014")
    connection = await asyncpg.connect(database_url(empty, driver="postgresql"))
    await connection.execute("SET session_replication_role = replica; " + BEFORE_PARTITIONS)
    before = await connection.fetchrow(WHOLE)
    await _alembic(command.upgrade, empty, "0015")
    assert await connection.fetchrow(WHOLE) == before
    for table, column in (("ledger_entries", "at"), ("ledger_transactions", "created_at"), ("audit_log", "at")):
        days = f"SELECT count(DISTINCT tableoid) = 12 AND count(DISTINCT {column}::date) = 12 FROM {table}"
        assert await connection.fetchval(days)
    together = "SELECT count(*) FROM {} q JOIN {} e ON e.id = q.{} AND e.{} = q.{}"
    joined = "ledger_entries JOIN ledger_transactions t ON t.id = transaction_id AND created_at = at"
    assert await connection.fetchval(f"SELECT count(*) FROM {joined}") == 40
    assert await connection.fetchval(together.format("outbox_queue", "events", "event_id", *["created_at"] * 2)) == 3
    assert await connection.fetchval(together.format("audit_queue", "audit_log", "entry_id", "at", "at")) == 2
    horizons = await connection.fetch("SELECT group_name FROM archive_horizons WHERE frozen_through IS NOT NULL")
    assert [row["group_name"] for row in horizons] == ["ledger"]
    await _alembic(command.downgrade, empty, "0014")
    assert await connection.fetchrow(WHOLE) == before
    assert await connection.fetchval("SELECT archived_through::text FROM ledger_horizon") == "2025-12-31 23:59:00+00"
    await connection.close()
