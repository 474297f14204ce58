"""What somebody would find who has the whole database, and nothing else."""

from typing import Any

from tests.conftest import World
from tests.ledger import audit

LOCAL_TWINS = {"sandbox_messages", "sandbox_bank_orders"}
"""Stand for the world outside: what a provider would know. Production writes nothing there."""


async def holding(world: World, *secrets: str) -> set[tuple[str, str]]:
    """Each (table, secret) where one of these stands in clear, whatever the type of the column."""
    connection = await audit.connect(world)
    try:
        tables = [
            row["table_name"]
            for row in await connection.fetch(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            )
            if row["table_name"] not in LOCAL_TWINS
        ]
        found = set()
        for table in tables:
            text = " ".join([row["row"] for row in await connection.fetch(f'SELECT t::text AS row FROM "{table}" t')])
            found |= {(table, secret) for secret in secrets if secret in text or secret.encode().hex() in text}
        return found
    finally:
        await connection.close()


async def run(world: World, query: str, *values: Any) -> list[Any]:
    """A query as superuser."""
    connection = await audit.connect(world)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()
