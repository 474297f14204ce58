"""SQL of the archive: rows of a partition in bounded statements, what keeps one in Postgres, manifests, legal holds."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import text

from venmo_api.adapters.postgres import ARCHIVIST_ROLE, Transaction
from venmo_api.archive import columns
from venmo_api.archive.rules import Hold, Link
from venmo_api.audit.queries import DOCUMENT

LOCK_KEY = 0x6172_6368_6976_65  # "archive" in ASCII
BECOME_ARCHIVIST = text(f"SET LOCAL ROLE {ARCHIVIST_ROLE}")
MANIFESTS = text("""
    SELECT sequence, key, encode(sha256, 'hex') AS sha256, transactions, entries, events
    FROM archive_manifests ORDER BY sequence
""")
LAST_MANIFEST = text("SELECT sequence, encode(sha256, 'hex') FROM archive_manifests ORDER BY sequence DESC LIMIT 1")
RECORD = text("""
    INSERT INTO archive_manifests (sequence, key, sha256, transactions, entries, events, created_at, change,
                                   partition_group, partition_lower, partition_upper)
    VALUES (:sequence, :key, decode(:sha256, 'hex'), :transactions, :entries, :events, :created_at, :change,
            :partition_group, :partition_lower, :partition_upper)
""")
UNDELIVERED = text("""
    SELECT count(*) FROM outbox_queue WHERE created_at < :upper
      AND (CAST(:lower AS timestamptz) IS NULL OR created_at >= :lower)
""")
UNCHAINED = text("""
    SELECT count(*) FROM audit_queue WHERE at < :upper AND (CAST(:lower AS timestamptz) IS NULL OR at >= :lower)
""")
HOLDS = text("""
    SELECT id, shelf, first_day, last_day, subject_id, reason, placed_at FROM archive_holds
    WHERE released_at IS NULL ORDER BY placed_at, id
""")
# Who is erased is erased before a hold or after it, and then refused.
HOLDS_TURN = text("SELECT pg_advisory_xact_lock(:key)")
HOLDS_KEY = 0x686F_6C64_73  # "holds" in ASCII
HOLD = text("""
    INSERT INTO archive_holds (id, shelf, first_day, last_day, subject_id, reason, placed_at)
    VALUES (:id, :shelf, :first_day, :last_day, :subject_id, :reason, :placed_at)
""")
RELEASE = text("UPDATE archive_holds SET released_at = :at WHERE id = :id AND released_at IS NULL")
AUDIT_ENTRIES = f"""l.id, {DOCUMENT} AS document, l.at AS created_at,
    (SELECT c.position FROM audit_chain c WHERE c.entry_id = l.id) AS position,
    (SELECT encode(c.hash, 'hex') FROM audit_chain c WHERE c.entry_id = l.id) AS hash"""
"""Of rows of ``audit_log``, with their places in the chain."""
BLOCKS_AT_ONCE = 1024
"""8 MiB of a table a statement: far below the statement timeout however large the table."""


async def become_archivist(tx: Transaction) -> None:
    await tx.execute(BECOME_ARCHIVIST)


async def last_manifest(tx: Transaction) -> Link:
    row = (await tx.execute(LAST_MANIFEST)).first()
    return Link(*row) if row else Link()


async def manifests(tx: Transaction) -> Sequence[Any]:
    """Those that Postgres knows, the first first."""
    return (await tx.execute(MANIFESTS)).all()


async def record(tx: Transaction, row: Mapping[str, object]) -> None:
    await tx.execute(RECORD, row)


async def anything(tx: Transaction, table: str, moment: str, *, before: datetime) -> bool:
    """Whether Postgres has rows of ``table`` from before then. Names are constants of the caller."""
    found = await tx.execute(text(f"SELECT EXISTS (SELECT FROM {table} WHERE {moment} < :before)"), {"before": before})
    return bool(found.scalar_one())


async def undelivered(tx: Transaction, lower: datetime | None, upper: datetime) -> int:
    """How many events of these moments some subscriber has not had yet."""
    return int((await tx.execute(UNDELIVERED, {"lower": lower, "upper": upper})).scalar_one())


async def unchained(tx: Transaction, lower: datetime | None, upper: datetime) -> int:
    """How many entries of the audit trail of these moments have no place in the chain yet."""
    return int((await tx.execute(UNCHAINED, {"lower": lower, "upper": upper})).scalar_one())


async def holds(tx: Transaction) -> list[Hold]:
    """The legal holds that were not released."""
    return [Hold(**row) for row in (await tx.execute(HOLDS)).mappings()]


async def holds_turn(tx: Transaction) -> None:
    """Whoever places a hold, or asks whether there is one before something is gone for good, takes turns."""
    await tx.execute(HOLDS_TURN, {"key": HOLDS_KEY})


async def hold(tx: Transaction, placed: Hold) -> None:
    await tx.execute(HOLD, asdict(placed))


async def release(tx: Transaction, hold_id: UUID, *, at: datetime) -> bool:
    """False: there is no such hold, or it was released."""
    return bool((await tx.execute(RELEASE, {"id": hold_id, "at": at})).rowcount)


async def blocks(tx: Transaction, source: str) -> int:
    size = text(f"SELECT pg_relation_size('{source}') / current_setting('block_size')::int")
    return int((await tx.execute(size)).scalar_one())


async def page(
    tx: Transaction, source: str, schema: pa.Schema, *, low: int, where: str = "true", select: str = "*"
) -> Any:
    """What ``columns.aggregated`` gathers from ``BLOCKS_AT_ONCE`` blocks of a table, from ``low`` on. ``source``,
    ``select`` and ``where`` are constants of the caller; they call the table ``l``."""
    statement = text(f"""
        SELECT {columns.aggregated(schema)} FROM (
            SELECT {select} FROM {source} l
            WHERE l.ctid >= format('(%s,0)', CAST(:low AS bigint))::tid
              AND l.ctid < format('(%s,0)', CAST(:high AS bigint))::tid AND {where}) found
    """)
    return (await tx.execute(statement, {"low": low, "high": low + BLOCKS_AT_ONCE})).one()


async def scan(
    tx: Transaction, source: str, schema: pa.Schema, *, where: str = "true", select: str = "*"
) -> AsyncIterator[pa.Table]:
    """All rows of a table that is no partitioned one, in bounded statements."""
    for low in range(0, await blocks(tx, source), BLOCKS_AT_ONCE):
        yield columns.table(schema, await page(tx, source, schema, low=low, where=where, select=select))
