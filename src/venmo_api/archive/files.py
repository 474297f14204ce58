"""Parquet objects: their schemas, one table a UTC day, bytes and back. Runs in threads; touches nothing outside."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from venmo_api.archive import rules
from venmo_api.archive.columns import CENTS, ID, MOMENT
from venmo_api.archive.rules import ArchiveMismatch, Counts, File

CONTENT_TYPE = "application/vnd.apache.parquet"
LEDGER = pa.schema(
    [
        ("transaction_id", ID),
        ("kind", pa.string()),
        ("created_at", MOMENT),
        ("account_id", ID),
        ("version", pa.int64()),
        ("amount", CENTS),
        ("balance_after", CENTS),
    ]
)
"""One row an entry, with its transaction."""
EVENTS = pa.schema([("id", ID), ("topic", pa.string()), ("payload", pa.string()), ("created_at", MOMENT)])
AUDIT = pa.schema(
    [
        ("id", ID),
        ("position", pa.int64()),
        ("document", pa.string()),
        ("hash", pa.string()),
        ("created_at", MOMENT),
    ]
)
"""One row an entry of the audit trail, spelled as its hash spells it, with its place in the chain."""
SCHEMAS = {rules.LEDGER: LEDGER, rules.EVENTS: EVENTS, rules.AUDIT: AUDIT}
_ORDER = {
    rules.LEDGER: ("created_at", "transaction_id", "account_id"),
    rules.EVENTS: ("created_at", "id"),
    rules.AUDIT: ("created_at", "position"),
}


def shelf_of(table: pa.Table) -> str:
    return next(shelf for shelf, schema in SCHEMAS.items() if table.schema == schema)


def by_day(table: pa.Table) -> Iterator[pa.Table]:
    """The rows of each UTC day, in the order they are stored."""
    days = table["created_at"].cast(pa.date32())
    order = [(name, "ascending") for name in _ORDER[shelf_of(table)]]
    for day in pc.unique(days).sort():
        yield table.filter(pc.equal(days, day)).sort_by(order).combine_chunks()


def encode(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", version="2.6")
    return bytes(sink.getvalue())


def describe(table: pa.Table, body: bytes) -> File:
    """What a manifest says of ``body``, which holds ``table``."""
    digest = rules.sha256(body)
    low, high = _days(table)
    return File(rules.file_key(shelf_of(table), low, digest), digest, len(body), table.num_rows, low, high)


def decode(body: bytes, file: File) -> pa.Table:
    """The rows of an object, which must be what the manifest says it is. Raises ArchiveMismatch."""
    if rules.sha256(body) != file.sha256 or len(body) != file.bytes:
        raise ArchiveMismatch(f"{file.key} does not have the bytes that were archived.")
    try:
        table = pq.read_table(pa.BufferReader(body))
    except pa.ArrowException as error:
        raise ArchiveMismatch(f"{file.key} cannot be read as Parquet.") from error
    expected = SCHEMAS.get(file.key.partition("/")[0])
    if table.schema != expected:
        raise ArchiveMismatch(f"{file.key} does not have the columns of its kind.")
    if file != describe(table, body):
        raise ArchiveMismatch(f"{file.key} does not hold the rows its manifest lists.")
    return table


def newest(table: pa.Table) -> datetime:
    """The youngest moment in a table that is not empty."""
    found: datetime = pc.max(table["created_at"]).as_py()
    return found


def counts(tables: Iterable[pa.Table]) -> Counts:
    return sum((_counts(table) for table in tables), Counts())


def unbalanced(table: pa.Table) -> int:
    """How many ledger transactions of ``table`` do not sum to zero."""
    sums = table.group_by("transaction_id").aggregate([("amount", "sum")])
    return int(pc.sum(pc.not_equal(sums["amount_sum"], 0)).as_py() or 0)


def _counts(table: pa.Table) -> Counts:
    """Of the audit trail nothing: its files say how many rows they have."""
    if table.schema == AUDIT:
        return Counts()
    if table.schema == EVENTS:
        return Counts(events=table.num_rows)
    amounts = table["amount"]
    moved = pc.sum(amounts.filter(pc.greater(amounts, 0))).as_py() or 0
    return Counts(pc.count_distinct(table["transaction_id"]).as_py(), table.num_rows, 0, moved)


def _days(table: pa.Table) -> tuple[str, str]:
    ends = pc.min_max(table["created_at"].cast(pa.date32())).as_py()
    return str(ends["min"]), str(ends["max"])
