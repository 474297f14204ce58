"""Move closed periods from Postgres to S3: build, put, read back and verify, manifest, then one transaction.

Each step can be cut off and begun again. Data objects without a manifest are harmless; a manifest that Postgres does
not know is finished first by the next run. No row leaves Postgres before its copy was read back and verified.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import pyarrow as pa
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import ObjectDamaged, ObjectExists, ObjectMissing
from venmo_api.archive import files, queries, rules
from venmo_api.archive.queries import Page
from venmo_api.archive.rules import Archived, ArchiveMismatch, File, Link, Manifest
from venmo_api.ledger import history

Progress = Callable[[str], None]
"""Told, in a line for people, what was just done."""
Read = Callable[..., Awaitable[Page]]


def silent(line: str) -> None:
    """Nobody watches."""


async def archive(
    app: Adapters, *, before: datetime, progress: Progress | None = None, most: int = rules.CHUNK_MOST
) -> Archived:
    """Move all that is older than ``before`` to S3, ``most`` at a time: ledger transactions, delivered events, entries
    of the audit trail that have their place in the chain.

    One archiver runs at a time; a second returns at once, ``busy``. Raises Unavailable when Postgres or S3 cannot be
    reached, ArchiveMismatch when they contradict each other; the next run goes on where this one ended.
    """
    try:
        return await app.database.transact(_alone, app, before, progress or silent, most)
    except ObjectMissing as error:
        raise ArchiveMismatch(f"S3 has no {error}, which was just there or should be.") from error
    except ObjectDamaged as error:
        raise ArchiveMismatch(f"S3 cannot hand out the whole of {error}.") from error


async def _alone(tx: Transaction, app: Adapters, before: datetime, progress: Progress, most: int) -> Archived:
    """``tx`` only holds the lock: it touches no row, and everything else has transactions of its own."""
    if not await queries.lock(tx):
        return Archived(busy=True)
    total = Archived()
    last = await app.database.read(queries.last_manifest)
    while (cut_off := await _unfinished(app, last)) is not None:
        await _finish(app, cut_off, last)
        total, last = total.and_manifest(cut_off), rules.link(cut_off)
        progress(f"finished manifest {cut_off.sequence}, which an earlier run had begun")
    for read in (queries.ledger_page, queries.events_page, queries.audit_page):
        async for chunk in _chunks(app, read, before=before, most=most):
            moved = await _move(app, chunk, last)
            total, last = total.and_manifest(moved), rules.link(moved)
            progress(
                f"manifest {moved.sequence}: {moved.transactions:,} transactions, {moved.entries:,} entries, "
                f"{moved.events:,} events, {rules.audit_entries(moved):,} audit entries"
            )
    return total


async def _unfinished(app: Adapters, last: Link) -> Manifest | None:
    """The manifest after ``last``, put by a run that did not come to delete what it lists."""
    try:
        return rules.parse(await app.objects.get(rules.manifest_key(last.sequence + 1)))
    except ObjectMissing:
        return None


async def _finish(app: Adapters, manifest: Manifest, last: Link) -> None:
    if not rules.follows(manifest, last):
        raise ArchiveMismatch(f"Manifest {manifest.sequence} in S3 does not follow the last one in Postgres.")
    tables = [await fetch(app, file) for file in manifest.files]
    if files.counts(tables) != rules.counts_of(manifest):
        raise ArchiveMismatch(f"Manifest {manifest.sequence} does not count what its files hold.")
    await app.database.transact(_settle, manifest, tables)


async def _chunks(app: Adapters, read: Read, *, before: datetime, most: int) -> AsyncIterator[pa.Table]:
    """Everything older than ``before``, in tables of at most ``most`` transactions, events or audit entries."""
    waiting: list[pa.Table] = []
    held = 0
    page = await app.database.read(read, after=UUID(int=0), before=before, most=most)
    while page.last is not None:
        if waiting and held + page.leaving > most:
            yield pa.concat_tables(waiting)
            waiting, held = [], 0
        if page.rows.num_rows:
            waiting.append(page.rows)
            held += page.leaving
        page = await app.database.read(read, after=page.last, before=before, most=most)
    if waiting:
        yield pa.concat_tables(waiting)


async def _move(app: Adapters, chunk: pa.Table, last: Link) -> Manifest:
    if chunk.schema == files.LEDGER and await run_sync(files.unbalanced, chunk):
        raise ArchiveMismatch("Transactions that do not sum to zero are not archived; run the proof to find them.")
    tables = await run_sync(lambda: list(files.by_day(chunk)))
    stored = [await _store(app, table) for table in tables]
    manifest = rules.next_manifest(last, stored, files.counts(tables), at=app.clock.now())
    await _publish(app, manifest)
    await app.database.transact(_settle, manifest, tables)
    return manifest


async def _store(app: Adapters, table: pa.Table) -> File:
    """Put one table under the hash of its bytes, and see that it can be read back, row for row."""
    body = await run_sync(files.encode, table)
    file = files.describe(table, body)
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


async def _publish(app: Adapters, manifest: Manifest) -> None:
    """Put the manifest. Among archivers that race, S3 lets one win; a lost answer to one's own put is a win."""
    key, body = rules.manifest_key(manifest.sequence), rules.canonical(manifest)
    with suppress(ObjectExists):
        await app.objects.put_new(key, body, content_type="application/json")
    if await app.objects.get(key) != body:
        raise ArchiveMismatch(f"{key} was written by another archiver; run again.")


async def _settle(tx: Transaction, manifest: Manifest, tables: Sequence[pa.Table]) -> None:
    """Write the manifest down and delete exactly the rows it lists: all of that or, when this raises, nothing."""
    await queries.become_archivist(tx)
    last = await queries.last_manifest(tx)
    if last == rules.link(manifest):
        return  # another archiver has finished it
    if not rules.follows(manifest, last):
        raise ArchiveMismatch(f"Manifest {manifest.sequence} does not follow {last.sequence}, the last in Postgres.")
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
        },
    )
    ledger = [table for table in tables if table.schema == files.LEDGER]
    if ledger:
        await history.raise_horizon(tx, max(files.newest(table) for table in ledger))
    removed = 0
    for table in tables:
        removed += await queries.remove(tx, table)
    if removed != manifest.transactions + manifest.entries + manifest.events + rules.audit_entries(manifest):
        raise ArchiveMismatch(
            f"Manifest {manifest.sequence} lists rows that Postgres does not hold as archived; nothing was deleted."
        )
