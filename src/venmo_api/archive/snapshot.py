"""SQL of readers that need Postgres as of one moment, while history is moved out of it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import columns

ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
MOVING = ("ledger_transactions", "ledger_entries", "events", "audit_log")
"""What partitions are moved out of."""
MANIFESTS = text("""
    SELECT sequence, key, encode(sha256, 'hex') AS sha256, transactions, entries, events
    FROM archive_manifests ORDER BY sequence
""")
PARTS = text("""
    SELECT c.oid::regclass::text AS name, pg_relation_size(c.oid) / current_setting('block_size')::int AS blocks
    FROM pg_partition_tree(CAST(:table AS regclass)) t JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf
    UNION ALL
    SELECT c.oid::regclass::text, pg_relation_size(c.oid) / current_setting('block_size')::int
    FROM pg_class c WHERE c.oid = CAST(:table AS regclass) AND c.relkind = 'r' AND NOT c.relispartition
    ORDER BY name
""")
ROWS = text("""
    SELECT (SELECT coalesce(sum(pg_relation_size(c.oid)), 0) / :row_bytes FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r')
         + (SELECT coalesce(sum(transactions + entries + events), 0) FROM archive_manifests)
""")
PAGE = """
    SELECT {0} FROM (
        SELECT {1} FROM {2} AS {3}
        WHERE {3}.ctid >= format('(%s,0)', CAST(:low AS bigint))::tid
          AND {3}.ctid < format('(%s,0)', CAST(:high AS bigint))::tid AND {4}) found
"""
ROW_BYTES = 100
BLOCKS_AT_ONCE = 1024
"""8 MiB of a table a statement: far below the statement timeout however large the table."""


async def begin(tx: Transaction, *tables: str) -> None:
    """Every later statement of ``tx`` sees the database as of one moment; no partition of ``tables`` leaves before it
    ends. The locks come first: names are looked up in the present, and a partition that left since would be missed in
    both places."""
    await tx.execute(ONE_MOMENT)
    if tables:
        await tx.execute(text(f"LOCK TABLE {', '.join(f'ONLY {table}' for table in tables)} IN ACCESS SHARE MODE"))


async def manifests(tx: Transaction) -> Sequence[Any]:
    """The manifests whose rows are not in Postgres, the first first."""
    return (await tx.execute(MANIFESTS)).all()


async def rows_about(tx: Transaction) -> int:
    """How many rows both tiers hold, roughly; rather too many."""
    return int((await tx.execute(ROWS, {"row_bytes": ROW_BYTES})).scalar_one())


async def scan(
    tx: Transaction, source: str, schema: pa.Schema, *, where: str = "true", select: str = "*"
) -> AsyncIterator[pa.Table]:
    """All rows of a table, partition by partition, in bounded statements. ``source``, ``select`` and ``where`` are
    constants of the caller; they call the table ``source``."""
    for part in (await tx.execute(PARTS, {"table": source})).all():
        page = text(PAGE.format(columns.aggregated(schema), select, part.name, source, where))
        for low in range(0, part.blocks, BLOCKS_AT_ONCE):
            row = (await tx.execute(page, {"low": low, "high": low + BLOCKS_AT_ONCE})).one()
            yield columns.table(schema, row)
