"""Parquet objects: what each shelf holds, a table a UTC day, bytes and back. Runs in threads, touches nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from venmo_api.archive import rules
from venmo_api.archive.columns import CENTS, ID, MOMENT
from venmo_api.archive.rules import ArchiveMismatch, Counts, File

CONTENT_TYPE = "application/vnd.apache.parquet"
ROW_GROUP_ROWS = 65_536
"""The least that a reader of one account fetches."""
COUNT = pa.int64()
TEXT = pa.string()
LEDGER = pa.schema(
    [
        ("transaction_id", ID),
        ("kind", TEXT),
        ("created_at", MOMENT),
        ("account_id", ID),
        ("version", COUNT),
        ("amount", CENTS),
        ("balance_after", CENTS),
    ]
)
"""One row an entry, with its transaction."""
EVENTS = pa.schema([("id", ID), ("topic", TEXT), ("payload", TEXT), ("created_at", MOMENT)])
AUDIT = pa.schema([("id", ID), ("position", COUNT), ("document", TEXT), ("hash", TEXT), ("created_at", MOMENT)])
"""One row an entry of the audit trail, spelled as its hash spells it, with its place in the chain."""
ACCESS = pa.schema(
    [
        ("at", MOMENT),
        ("request_id", TEXT),
        ("method", TEXT),
        ("route", TEXT),
        ("status", COUNT),
        ("duration_us", COUNT),
        ("actor_id", ID),
        ("network", TEXT),
    ]
)
"""One row a request; ``actor_id`` of who was not signed in is nil."""
RISK = pa.schema(
    [
        ("tx_id", ID),
        ("decided_at", MOMENT),
        ("kind", TEXT),
        ("sender_id", ID),
        ("recipient_id", ID),
        ("amount", CENTS),
        ("verdict", TEXT),
        ("reasons", TEXT),
        ("policy", TEXT),
        ("model", TEXT),
        ("score", pa.float64()),
        ("features", pa.binary()),
        ("listed", TEXT),
        ("snoozed", TEXT),
        ("holdable", COUNT),
        ("degraded", COUNT),
        ("new_device", COUNT),
        ("device_id", ID),
        ("latency_us", COUNT),
    ]
)
"""One row a decision of the log. What it does not tell is a nil id, an empty text, a score of -1; reasons and the like
are words with commas between; ``features`` are int64s, little endian; yes is 1."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One kind of rows: its columns, which of them tells the moment, in which order they are stored, and which hold few
    values many times."""

    schema: pa.Schema
    moment: str
    order: tuple[str, ...]
    repeated: tuple[str, ...]


SHELVES = {
    rules.LEDGER: Shelf(LEDGER, "created_at", ("account_id", "version"), ("kind", "account_id")),
    rules.EVENTS: Shelf(EVENTS, "created_at", ("created_at", "id"), ("topic",)),
    rules.AUDIT: Shelf(AUDIT, "created_at", ("created_at", "position"), ()),
    rules.ACCESS: Shelf(ACCESS, "at", ("at", "request_id"), ("method", "route", "actor_id", "network")),
    rules.RISK: Shelf(
        RISK,
        "decided_at",
        ("decided_at", "tx_id"),
        ("kind", "sender_id", "recipient_id", "verdict", "reasons", "policy", "model", "listed", "snoozed"),
    ),
}
SCHEMAS = {name: shelf.schema for name, shelf in SHELVES.items()}


def shelf_of(table: pa.Table) -> str:
    return next(name for name, shelf in SHELVES.items() if table.schema == shelf.schema)


def by_day(table: pa.Table) -> list[pa.Table]:
    """The rows of each UTC day, in the order they are stored; of no rows, nothing."""
    if not table.num_rows:
        return []
    low, high = _ends(table)
    if low == high:
        return [ordered(table)]
    days = table[SHELVES[shelf_of(table)].moment].cast(pa.date32())
    return [ordered(table.filter(pc.equal(days, day))) for day in pc.unique(days).sort()]


def ordered(table: pa.Table) -> pa.Table:
    """The rows in the order of their shelf."""
    keys = SHELVES[shelf_of(table)].order
    ranks = pa.table([_rank(table[name]) for name in keys], names=keys)
    return table.take(pc.sort_indices(ranks, [(name, "ascending") for name in keys])).combine_chunks()


def _rank(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """What sorts as the column does: of ids the rank of each among those there are, which is compared sooner."""
    if column.type != ID:
        return column
    found = column.combine_chunks().dictionary_encode()
    return pc.rank(found.dictionary).take(found.indices)


def encode(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        version="2.6",
        row_group_size=ROW_GROUP_ROWS,
        use_dictionary=list(SHELVES[shelf_of(table)].repeated),
        write_page_checksum=True,  # readers of an account fetch parts, which no digest of the whole proves
    )
    return bytes(sink.getvalue())


def describe(table: pa.Table, body: bytes) -> File:
    """What a manifest says of ``body``, which holds ``table``."""
    digest = rules.sha256(body)
    low, high = _ends(table)
    return File(rules.file_key(shelf_of(table), low, digest), digest, len(body), table.num_rows, low, high)


def decode(body: bytes, file: File) -> pa.Table:
    """The rows of an object, which must be what the manifest says it is. Raises ArchiveMismatch."""
    if rules.sha256(body) != file.sha256 or len(body) != file.bytes:
        raise ArchiveMismatch(f"{file.key} does not have the bytes that were archived.")
    try:
        table = pq.read_table(pa.BufferReader(body))
    except pa.ArrowException as error:
        raise ArchiveMismatch(f"{file.key} cannot be read as Parquet.") from error
    shelf = SHELVES.get(rules.shelf_of(file.key))
    if shelf is None or table.schema != shelf.schema:
        raise ArchiveMismatch(f"{file.key} does not have the columns of its kind.")
    if file != describe(table, body):
        raise ArchiveMismatch(f"{file.key} does not hold the rows its manifest lists.")
    return table


def counts(tables: Iterable[pa.Table]) -> Counts:
    """Of ledger and events; of other shelves their files say how many rows they have."""
    entries, events = LEDGER.empty_table(), 0
    for table in tables:
        if table.schema == LEDGER:  # one transaction may have entries in two files
            entries = pa.concat_tables([entries, table])
        events += table.num_rows if table.schema == EVENTS else 0
    moved = pc.sum(entries["amount"].filter(pc.greater(entries["amount"], 0))).as_py() or 0
    return Counts(pc.count_distinct(entries["transaction_id"]).as_py(), entries.num_rows, events, moved)


def _ends(table: pa.Table) -> tuple[str, str]:
    ends = pc.min_max(table[SHELVES[shelf_of(table)].moment])
    return str(ends["min"].cast(pa.date32()).as_py()), str(ends["max"].cast(pa.date32()).as_py())
