"""Who may move history: the archivist, and only by cutting, freezing and dropping."""

import asyncpg
import pytest

from tests.archive.test_partitions import TABLES
from tests.conftest import World
from tests.ledger import audit


@pytest.mark.parametrize("role", ["venmo_app", "pg_monitor"])
@pytest.mark.parametrize(
    "call",
    [
        "archive_cut('ledger', now())",
        "archive_freeze('ledger', now())",
        "archive_drop('ledger', NULL, now(), 1)",
        "archive_attach('ledger_entries', 'x', now(), now())",
        "archive_adopt('ledger', 'users', 'created_at')",
        "archive_lock('ledger')",
    ],
)
async def test_only_the_archivist_moves_history(world: World, role: str, call: str) -> None:
    connection = await audit.connect(world)
    await connection.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(f"SELECT {call}")
    await connection.close()


@pytest.mark.parametrize("role", ["venmo_app", "venmo_archivist"])
@pytest.mark.parametrize(
    "verb", ["INSERT INTO {0} SELECT * FROM {0}", "DELETE FROM {0}", "TRUNCATE {0}", "DROP TABLE {0}"]
)
async def test_nobody_goes_round_the_table_to_its_partitions(world: World, role: str, verb: str) -> None:
    connection = await audit.connect(world)
    await connection.execute(f"SET ROLE {role}")
    for table in (table for tables in TABLES.values() for table in tables):
        await connection.execute(f"SELECT count(*) FROM {table}_first")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(verb.format(f"{table}_first"))
    await connection.close()
