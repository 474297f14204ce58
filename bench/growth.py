"""A ledger that is already large: millions of entries between the people, as payments would have left them."""

from pathlib import Path

import asyncpg

from bench.series import scalar
from bench.stack import Bench

FILL = (Path(__file__).parent / "fill.sql").read_text()
SIZES = """
    SELECT coalesce(p.relname, c.relname) AS relname, sum(pg_total_relation_size(c.oid))::bigint AS bytes
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1
"""
STATEMENT_SECONDS = 1200


async def fill(bench: Bench, *, entries: int) -> int:
    """Let the ledger hold at least ``entries`` entries, with their transfers, keys and limit uses; how many then."""
    missing = entries - await scalar(bench, "SELECT count(*) FROM ledger_entries")
    people = await scalar(bench, "SELECT count(*) FROM users")
    rounds = max(missing, 0) // people // 2 * 2 + 2
    connection = await asyncpg.connect(bench.database_url.replace("+asyncpg", ""))
    try:
        for statement in FILL.format(rounds=rounds).split(";\n"):
            if statement.strip():
                await connection.execute(statement, timeout=STATEMENT_SECONDS)
    finally:
        await connection.close()
    return await scalar(bench, "SELECT count(*) FROM ledger_entries")


async def sizes(bench: Bench) -> dict[str, int]:
    """Bytes on disk of each table, its indexes with it."""
    connection = await asyncpg.connect(bench.database_url.replace("+asyncpg", ""))
    try:
        return {row["relname"]: row["bytes"] for row in await connection.fetch(SIZES)}
    finally:
        await connection.close()
