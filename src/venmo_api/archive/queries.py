"""SQL of the archive: pages to move out, their removal, and the snapshot the proof reads."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import text

from venmo_api.adapters.postgres import ARCHIVIST_ROLE, Transaction
from venmo_api.archive import columns, files
from venmo_api.archive.rules import Link
from venmo_api.audit.queries import DOCUMENT

LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
LOCK_KEY = 0x6172_6368_6976_65  # "archive" in ASCII
# The lock's own transaction holds nothing else, and may be idle for as long as the run takes.
STAY = text("SET LOCAL idle_in_transaction_session_timeout = 0")
BECOME_ARCHIVIST = text(f"SET LOCAL ROLE {ARCHIVIST_ROLE}")
LAST_MANIFEST = text("SELECT sequence, encode(sha256, 'hex') FROM archive_manifests ORDER BY sequence DESC LIMIT 1")
MANIFESTS = text("""
    SELECT sequence, key, encode(sha256, 'hex') AS sha256, transactions, entries, events
    FROM archive_manifests ORDER BY sequence
""")
RECORD = text("""
    INSERT INTO archive_manifests (sequence, key, sha256, transactions, entries, events, created_at)
    VALUES (:sequence, :key, decode(:sha256, 'hex'), :transactions, :entries, :events, :created_at)
""")

# Pages walk the primary key, so each statement is bounded whatever the planner believes of created_at.
LEDGER_PAGE = text(f"""
    WITH page AS MATERIALIZED (
        SELECT id, kind, created_at FROM ledger_transactions WHERE id > :after ORDER BY id LIMIT :most),
    leaving AS (
        SELECT p.id AS transaction_id, p.kind, p.created_at, e.account_id, e.version, e.amount, e.balance_after
        FROM page p JOIN ledger_entries e ON e.transaction_id = p.id WHERE p.created_at < :before)
    SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last,
           (SELECT count(*) FROM page WHERE created_at < :before) AS leaving,
           {columns.aggregated(files.LEDGER)}
    FROM leaving
""")
EVENTS_PAGE = text(f"""
    WITH page AS MATERIALIZED (
        SELECT id, topic, payload::text AS payload, created_at FROM events WHERE id > :after ORDER BY id LIMIT :most),
    leaving AS (
        SELECT p.* FROM page p LEFT JOIN outbox_queue q ON q.event_id = p.id
        WHERE q.event_id IS NULL AND p.created_at < :before)
    SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, count(*) AS leaving,
           {columns.aggregated(files.EVENTS)}
    FROM leaving
""")

AUDIT_PAGE = text(f"""
    WITH page AS MATERIALIZED (SELECT * FROM audit_log WHERE id > :after ORDER BY id LIMIT :most),
    leaving AS (
        SELECT l.id, c.position, {DOCUMENT} AS document, encode(c.hash, 'hex') AS hash, l.at AS created_at
        FROM page l JOIN audit_chain c ON c.entry_id = l.id WHERE l.at < :before)
    SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, count(*) AS leaving,
           {columns.aggregated(files.AUDIT)}
    FROM leaving
""")

# A row goes only if it is, column by column, what was archived.
REMOVE_TRANSACTIONS = text("""
    DELETE FROM ledger_transactions t
    USING unnest(CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:created_at AS timestamptz[]))
          AS a (id, kind, created_at)
    WHERE t.id = a.id AND t.kind = a.kind AND t.created_at = a.created_at
""")
REMOVE_ENTRIES = text("""
    DELETE FROM ledger_entries e
    USING unnest(CAST(:transaction_id AS uuid[]), CAST(:account_id AS uuid[]), CAST(:version AS bigint[]),
                 CAST(:amount AS bigint[]), CAST(:balance_after AS bigint[]))
          AS a (transaction_id, account_id, version, amount, balance_after)
    WHERE e.account_id = a.account_id AND e.version = a.version AND e.transaction_id = a.transaction_id
      AND e.amount = a.amount AND e.balance_after = a.balance_after
""")
REMOVE_EVENTS = text("""
    DELETE FROM events e
    USING unnest(CAST(:id AS uuid[]), CAST(:topic AS text[]), CAST(:payload AS text[]),
                 CAST(:created_at AS timestamptz[])) AS a (id, topic, payload, created_at)
    WHERE e.id = a.id AND e.topic = a.topic AND e.payload = a.payload::jsonb AND e.created_at = a.created_at
""")
REMOVE_AUDIT = text(f"""
    DELETE FROM audit_log l
    USING unnest(CAST(:id AS uuid[]), CAST(:document AS text[])) AS a (id, document)
    WHERE l.id = a.id AND {DOCUMENT} = a.document
""")
REMOVED_AT_ONCE = 5_000

SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
BLOCKS_AT_ONCE = 1024
"""8 MiB of a table a statement: far below the statement timeout however large the table."""


@dataclass(frozen=True, slots=True)
class Page:
    """``last`` is the last id looked at (None: there are no more); ``leaving`` counts what is to move."""

    last: UUID | None
    leaving: int
    rows: pa.Table


async def lock(tx: Transaction) -> bool:
    """Be the only archiver until this transaction ends; False when somebody else is."""
    await tx.execute(STAY)
    return bool((await tx.execute(LOCK, {"key": LOCK_KEY})).scalar_one())


async def last_manifest(tx: Transaction) -> Link:
    row = (await tx.execute(LAST_MANIFEST)).first()
    return Link(*row) if row else Link()


async def ledger_page(tx: Transaction, *, after: UUID, before: datetime, most: int) -> Page:
    """Of the next ``most`` transactions by id, those older than ``before``, with their entries."""
    row = (await tx.execute(LEDGER_PAGE, {"after": after, "before": before, "most": most})).one()
    return Page(row.last, row.leaving, columns.table(files.LEDGER, row))


async def events_page(tx: Transaction, *, after: UUID, before: datetime, most: int) -> Page:
    """Of the next ``most`` events by id, those older than ``before`` that every subscriber has."""
    row = (await tx.execute(EVENTS_PAGE, {"after": after, "before": before, "most": most})).one()
    return Page(row.last, row.leaving, columns.table(files.EVENTS, row))


async def audit_page(tx: Transaction, *, after: UUID, before: datetime, most: int) -> Page:
    """Of the next ``most`` entries of the audit trail by id, those older than ``before`` that have their place."""
    row = (await tx.execute(AUDIT_PAGE, {"after": after, "before": before, "most": most})).one()
    return Page(row.last, row.leaving, columns.table(files.AUDIT, row))


async def become_archivist(tx: Transaction) -> None:
    await tx.execute(BECOME_ARCHIVIST)


async def record(tx: Transaction, row: dict[str, object]) -> None:
    await tx.execute(RECORD, row)


async def remove(tx: Transaction, table: pa.Table) -> int:
    """Delete the rows of an archived table that are still here and the same; how many rows and transactions."""
    if table.schema == files.EVENTS:
        return await _remove(tx, REMOVE_EVENTS, table)
    if table.schema == files.AUDIT:
        return await _remove(tx, REMOVE_AUDIT, table.select(["id", "document"]))
    transactions = table.group_by(["transaction_id", "kind", "created_at"]).aggregate([])
    transactions = transactions.rename_columns(["id", "kind", "created_at"])
    return await _remove(tx, REMOVE_ENTRIES, table) + await _remove(tx, REMOVE_TRANSACTIONS, transactions)


async def manifests(tx: Transaction) -> Sequence[Any]:
    return (await tx.execute(MANIFESTS)).all()


async def freeze(tx: Transaction) -> None:
    """Every later statement of ``tx`` sees the database as of one moment."""
    await tx.execute(SNAPSHOT)


async def scan(
    tx: Transaction, source: str, schema: pa.Schema, *, where: str = "true", select: str = "*"
) -> AsyncIterator[pa.Table]:
    """All rows of a table, in bounded statements. ``source``, ``select`` and ``where`` are constants of the caller."""
    blocks = (
        await tx.execute(text(f"SELECT pg_relation_size('{source}') / current_setting('block_size')::int"))
    ).scalar_one()
    page = text(f"""
        SELECT {columns.aggregated(schema)} FROM (
            SELECT {select} FROM {source}
            WHERE ctid >= format('(%s,0)', CAST(:low AS bigint))::tid
              AND ctid < format('(%s,0)', CAST(:high AS bigint))::tid AND {where}) found
    """)
    for low in range(0, blocks, BLOCKS_AT_ONCE):
        row = (await tx.execute(page, {"low": low, "high": low + BLOCKS_AT_ONCE})).one()
        yield columns.table(schema, row)


async def _remove(tx: Transaction, statement: Any, table: pa.Table) -> int:
    gone = 0
    for start in range(0, table.num_rows, REMOVED_AT_ONCE):
        gone += (await tx.execute(statement, _parameters(table.slice(start, REMOVED_AT_ONCE)))).rowcount
    return gone


def _parameters(table: pa.Table) -> dict[str, list[Any]]:
    found = {}
    for field in table.schema:
        values = table[field.name].to_pylist()
        found[field.name] = [UUID(bytes=value) for value in values] if field.type == columns.ID else values
    return found
