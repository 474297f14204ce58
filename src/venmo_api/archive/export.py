"""A frozen partition as the rows of its shelf: read in bounded statements, in large tables, with a digest of it all."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.archive import columns, files, partitions, queries, rules, sources
from venmo_api.archive.partitions import Partition
from venmo_api.archive.rules import ArchiveMismatch, Counts
from venmo_api.archive.sources import Source

NIL = "'00000000-0000-0000-0000-000000000000'"
SOURCES = {
    rules.LEDGER: (sources.TRANSACTIONS, sources.ENTRIES),
    rules.EVENTS: (sources.EVENTS,),
    rules.AUDIT: (
        Source(
            "audit_log",
            files.AUDIT,
            queries.AUDIT_ENTRIES,
        ),
    ),
    rules.ACCESS: (
        Source(
            "access_log",
            files.ACCESS,
            "at, request_id, method, route, status::bigint AS status, duration_us::bigint AS duration_us, "
            f"coalesce(actor_id, {NIL}) AS actor_id, network",
        ),
    ),
    rules.RISK: (
        Source(
            "risk_decisions",
            files.RISK,
            f"tx_id, decided_at, kind, sender_id, coalesce(recipient_id, {NIL}) AS recipient_id, amount, verdict, "
            "array_to_string(reasons, ',') AS reasons, policy, coalesce(model, '') AS model, "
            "coalesce(score, -1) AS score, features, array_to_string(listed, ',') AS listed, "
            "array_to_string(snoozed, ',') AS snoozed, holdable::int::bigint AS holdable, "
            "degraded::int::bigint AS degraded, new_device::int::bigint AS new_device, "
            f"coalesce(device_id, {NIL}) AS device_id, latency_us::bigint AS latency_us",
        ),
    ),
}
"""What of each group is read: the last becomes the rows of the shelf."""
_MOMENTS = {rules.LEDGER: "at", rules.AUDIT: "at"}
"""Where the column has another name than on the shelf."""
TABLE_BYTES = 400_000_000
"""Of rows in memory before they become a file: of the ledger some five million, and 130 MB of Parquet."""


@dataclass(slots=True)
class Export:
    """What was read so far. ``transactions`` are those of the whole partition: about a hundred bytes of memory each."""

    partition: Partition
    table_bytes: int = TABLE_BYTES
    digest: Any = field(default_factory=hashlib.sha256)
    counts: Counts = field(default_factory=Counts)
    transactions: pa.Table = field(default_factory=sources.TRANSACTIONS.schema.empty_table)
    sums: Any = None
    entries: Any = None

    async def tables(self, app: Adapters) -> AsyncIterator[pa.Table]:
        """All rows, in tables of about ``table_bytes``. Raises ArchiveMismatch for a ledger that does not balance."""
        if self.partition.group == rules.LEDGER:
            pages = [page async for page in self._pages(app, sources.TRANSACTIONS)]
            self.transactions = pa.concat_tables([self.transactions, *pages]).combine_chunks()
            self.sums, self.entries = (np.zeros(self.transactions.num_rows, np.int64) for _ in range(2))
        waiting: list[pa.Table] = []
        async for page in self._pages(app, SOURCES[self.partition.group][-1]):
            waiting.append(page)
            if sum(each.nbytes for each in waiting) >= self.table_bytes:
                yield await run_sync(self._shelved, waiting)
                waiting = []
        if waiting:
            yield await run_sync(self._shelved, waiting)
        if self.partition.group == rules.LEDGER:
            self._prove()

    async def _pages(self, app: Adapters, source: Source) -> AsyncIterator[pa.Table]:
        """Digested while the next one is asked for: the rows of two pages at most are on their way."""
        async for row in _pages(app, self.partition, source):
            yield await run_sync(self._page, source, row)

    def _page(self, source: Source, row: Any) -> pa.Table:
        _digest(self.digest, row)
        return columns.table(source.schema, row)

    def _shelved(self, pages: Sequence[pa.Table]) -> pa.Table:
        rows = pa.concat_tables(pages).combine_chunks()
        if self.partition.group == rules.EVENTS:
            self.counts += Counts(events=rows.num_rows)
        if self.partition.group != rules.LEDGER:
            return rows
        place = pc.index_in(rows["transaction_id"].combine_chunks(), self.transactions["id"].combine_chunks())
        if place.null_count:
            raise ArchiveMismatch("Entries without their transaction are not archived; run the proof to find them.")
        if not rows["at"].equals(self.transactions["created_at"].take(place)):
            raise ArchiveMismatch("Entries of another time than their transaction are not archived; run the proof.")
        places, amounts = place.to_numpy(), rows["amount"].to_numpy()
        np.add.at(self.sums, places, amounts)
        np.add.at(self.entries, places, 1)
        self.counts += Counts(0, rows.num_rows, 0, int(amounts[amounts > 0].sum()))
        rows = rows.rename_columns([{"at": "created_at"}.get(name, name) for name in rows.column_names])
        return rows.append_column("kind", self.transactions["kind"].take(place)).select(files.LEDGER.names)

    def _prove(self) -> None:
        if self.sums.any() or not self.entries.all():
            raise ArchiveMismatch("Transactions that do not sum to zero are not archived; run the proof to find them.")
        self.counts += Counts(transactions=self.transactions.num_rows)


def moment_of(group: str) -> tuple[str, str]:
    """The table whose rows a shelf has, and its column that tells their moment."""
    return SOURCES[group][-1].table, _MOMENTS.get(group, files.SHELVES[group].moment)


async def digest(app: Adapters, partition: Partition) -> str:
    """The SHA-256 of the rows of a partition as Postgres hands them out now."""
    found = hashlib.sha256()
    for source in SOURCES[partition.group]:
        async for row in _pages(app, partition, source):
            await run_sync(_digest, found, row)
    return found.hexdigest()


async def _pages(app: Adapters, partition: Partition, source: Source) -> AsyncIterator[Any]:
    """What each statement found. The next is under way while one is worked on."""
    leaf = await app.database.read(partitions.leaf, partition, source.table)
    blocks = await app.database.read(queries.blocks, leaf)
    page = partial(queries.page, source=leaf, schema=source.schema, select=source.select)
    under_way: asyncio.Task[Any] | None = None
    try:
        for low in range(0, blocks + queries.BLOCKS_AT_ONCE, queries.BLOCKS_AT_ONCE):
            found = await under_way if under_way else None
            under_way = None
            if low < blocks:
                under_way = asyncio.create_task(app.database.read(partial(page, low=low)))
            if found is not None:
                yield found
    finally:
        if under_way:
            under_way.cancel()


def _digest(so_far: Any, row: Any) -> None:
    for value in row:
        so_far.update(value or b"")
