"""Move closed partitions from Postgres to S3: freeze, put, read back and verify, manifest, then one transaction.

Each step can be cut off and begun again. Data objects without a manifest are harmless; a manifest that Postgres does
not know is finished first by the next run. No row leaves Postgres before its copy was read back and verified.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

import pyarrow as pa
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import ObjectDamaged, ObjectExists, ObjectMissing
from venmo_api.archive import export, files, notes, partitions, queries, rules
from venmo_api.archive.export import Export
from venmo_api.archive.partitions import Partition
from venmo_api.archive.rules import Archived, ArchiveMismatch, File, Link, Manifest, PartitionTooLarge, Span

Progress = Callable[[str], None]
"""Told, in a line for people, what was just done."""


def silent(line: str) -> None:
    """Nobody watches."""


async def archive(
    app: Adapters,
    *,
    before: datetime,
    sooner: Mapping[str, datetime] | None = None,
    progress: Progress | None = None,
    table_bytes: int = export.TABLE_BYTES,
) -> Archived:
    """Move every partition that ends at ``before`` or earlier to S3, in files of about ``table_bytes`` of rows.
    ``sooner``: groups that have a moment of their own.

    A partition with events that are not delivered yet, or audit entries without a place in the chain, waits for the
    next run. One archiver runs at a time; a second returns at once, ``busy``. Raises Unavailable when Postgres or S3
    cannot be reached, ArchiveMismatch when they contradict each other, PartitionTooLarge when it has moved what can be
    moved without it; the next run goes on where this one ended.
    """
    try:
        async with app.database.alone(queries.LOCK_KEY) as ours:
            if not ours:
                return Archived(busy=True)
            return await _archive(app, before, sooner or {}, progress or silent, table_bytes)
    except ObjectMissing as error:
        raise ArchiveMismatch(f"S3 has no {error}, which was just there or should be.") from error
    except ObjectDamaged as error:
        raise ArchiveMismatch(f"S3 cannot hand out the whole of {error}.") from error


async def _archive(
    app: Adapters, before: datetime, sooner: Mapping[str, datetime], progress: Progress, table_bytes: int
) -> Archived:
    total, large = Archived(), None
    last = await app.database.read(queries.last_manifest)
    while (cut_off := await unfinished(app, last)) is not None:
        await _finish(app, cut_off, last)
        total, last = total.and_manifest(cut_off), rules.link(cut_off)
        progress(f"finished manifest {cut_off.sequence}, which an earlier run had begun")
    for group in rules.SHELVES:
        # Nothing of the future is frozen: whatever happened from then on would have to happen after it.
        until = min(sooner.get(group, before), (app.wall_clock if group in partitions.BY_THE_WALL else app.clock).now())
        if not await app.database.read(queries.anything, *export.moment_of(group), before=until):
            continue
        try:
            await partitions.cut(app, group, until)
        except PartitionTooLarge as error:
            large = error  # what is closed of it can go, and the other groups
        for partition in await app.database.read(partitions.closed, group, until):
            await partitions.freeze(app, partition)
            if why := await _waits(app, partition):
                total = total.and_waiting(why)
                progress(why)
                continue
            moved = await _move(app, Export(partition, table_bytes), last)
            total, last = total.and_manifest(moved), rules.link(moved)
            rows = ", ".join(f"{rows:,} rows of {shelf}" for shelf, rows in rules.shelf_rows(moved.files).items())
            progress(
                f"manifest {moved.sequence}: {rows or f'nothing of {group}'} until {partition.upper:%Y-%m-%d %H:%M}"
            )
    if large:
        raise large
    return total


async def unfinished(app: Adapters, last: Link) -> Manifest | None:
    """The manifest after ``last``, put by a run that did not come to write it down in Postgres."""
    try:
        return rules.parse(await app.objects.get(rules.manifest_key(last.sequence + 1)))
    except ObjectMissing:
        return None


async def _finish(app: Adapters, manifest: Manifest, last: Link) -> None:
    if not rules.follows(manifest, last):
        raise ArchiveMismatch(f"Manifest {manifest.sequence} in S3 does not follow the last one in Postgres.")
    if manifest.format == rules.OLD_FORMAT:
        raise ArchiveMismatch(f"Manifest {manifest.sequence} was begun by an older version; finish it with that.")
    for file in manifest.files:
        await fetch(app, file)
    await settle(app, manifest)


async def _waits(app: Adapters, partition: Partition) -> str | None:
    """Why the rows of a frozen partition cannot go yet; None: they can."""
    waiting = {rules.EVENTS: queries.undelivered, rules.AUDIT: queries.unchained}.get(partition.group)
    if waiting is None or not (count := await app.database.read(waiting, partition.lower, partition.upper)):
        return None
    what = "events are not delivered" if partition.group == rules.EVENTS else "audit entries are not chained"
    return f"{partition.group} until {partition.upper:%Y-%m-%d %H:%M} waits: {count:,} {what} yet"


async def _move(app: Adapters, reading: Export, last: Link) -> Manifest:
    stored = []
    async for rows in reading.tables(app):
        closed = await notes.sealed(app, rows) if reading.partition.group == rules.EVENTS else rows
        stored += [await store(app, table) for table in await run_sync(files.by_day, closed)]
    manifest = rules.next_manifest(
        last, stored, reading.counts, at=app.clock.now(), partition=_span(reading.partition, reading.digest.hexdigest())
    )
    await publish(app, manifest)
    await settle(app, manifest)
    return manifest


async def store(app: Adapters, table: pa.Table) -> File:
    """Put one table under the hash of its bytes, and see that it can be read back, row for row."""
    body = await run_sync(files.encode, table)
    file = await run_sync(files.describe, table, body)
    with suppress(ObjectExists):  # an earlier run came this far; what is there is read back all the same
        await app.objects.put_new(file.key, body, content_type=files.CONTENT_TYPE)
    stored = await fetch(app, file)
    if not await run_sync(stored.equals, table):
        raise ArchiveMismatch(f"{file.key} does not hold the rows that were to be archived.")
    return file


async def fetch(app: Adapters, file: File) -> pa.Table:
    """The rows of an archived object, verified against its manifest.

    Raises ArchiveMismatch, ObjectMissing, ObjectDamaged.
    """
    body = await app.objects.get(file.key)
    return await run_sync(files.decode, body, file)


async def publish(app: Adapters, manifest: Manifest) -> None:
    """Put the manifest. Among archivers that race, S3 lets one win; a lost answer to one's own put is a win."""
    key, body = rules.manifest_key(manifest.sequence), rules.canonical(manifest)
    with suppress(ObjectExists):
        await app.objects.put_new(
            key, body, content_type="application/json", keep_until=app.wall_clock.now() + rules.KEPT
        )
    if await app.objects.get(key) != body:
        raise ArchiveMismatch(f"{key} was written by another archiver; run again.")


async def settle(app: Adapters, manifest: Manifest) -> None:
    """Write a published manifest down in Postgres and let the partition go that it moved, which must hold what was
    read: all of that or, when this raises, nothing."""
    if manifest.partition is None or await _is_as_read(app, manifest.partition):
        await partitions.patiently(app, _settle, manifest)
    elif await app.database.read(queries.last_manifest) != rules.link(manifest):  # another archiver has not finished it
        raise ArchiveMismatch(
            f"Manifest {manifest.sequence} lists rows that Postgres does not hold as archived; nothing was deleted."
        )


async def _is_as_read(app: Adapters, span: Span) -> bool:
    partition = _partition(span)
    closed = await app.database.read(partitions.closed, partition.group, partition.upper)
    return partition in closed and await export.digest(app, partition) == span.digest


async def _settle(tx: Transaction, manifest: Manifest) -> None:
    await queries.become_archivist(tx)
    last = await queries.last_manifest(tx)
    if last == rules.link(manifest):
        return  # another archiver has finished it
    if not rules.follows(manifest, last):
        raise ArchiveMismatch(f"Manifest {manifest.sequence} does not follow {last.sequence}, the last in Postgres.")
    moved = _partition(manifest.partition) if manifest.partition else None
    # The row goes first: its primary key makes a second archiver wait here, and then start over above.
    await queries.record(
        tx,
        {
            "sequence": manifest.sequence,
            "key": rules.manifest_key(manifest.sequence),
            "sha256": rules.link(manifest).sha256,
            "transactions": manifest.transactions,
            "entries": manifest.entries,
            "events": manifest.events,
            "created_at": datetime.fromisoformat(manifest.created_at),
            "change": manifest.change,
            "partition_group": moved and moved.group,
            "partition_lower": moved and moved.lower,
            "partition_upper": moved and moved.upper,
        },
    )
    if moved:
        await partitions.drop(tx, moved, manifest.sequence)


def _span(partition: Partition, digest: str) -> Span:
    lower = partition.lower.isoformat() if partition.lower else None
    return Span(partition.group, lower, partition.upper.isoformat(), digest)


def _partition(span: Span) -> Partition:
    lower = datetime.fromisoformat(span.lower) if span.lower else None
    return Partition(span.group, lower, datetime.fromisoformat(span.upper))
