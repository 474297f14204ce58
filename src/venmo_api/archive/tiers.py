"""Everything the proof looks at, as columns: one snapshot of Postgres, and the files its manifests list."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import ObjectDamaged, ObjectMissing
from venmo_api.archive import columns, files, queries, rules, service, sources
from venmo_api.archive.columns import SAID
from venmo_api.archive.rules import ArchiveMismatch, File, Link, Manifest
from venmo_api.archive.service import Progress
from venmo_api.archive.sources import Source


@dataclass(slots=True)
class Tier:
    """What one place holds, hot or cold. ``said`` is what the events there announce, by topic, ``mistimed`` the events
    that say another moment than their row."""

    transactions: list[pa.Table] = field(default_factory=list)
    entries: list[pa.Table] = field(default_factory=list)
    event_ids: list[pa.Table] = field(default_factory=list)
    said: dict[str, list[pa.Table]] = field(default_factory=lambda: {topic: [] for topic in SAID})
    mistimed: list[pa.Table] = field(default_factory=list)

    def add_events(self, events: pa.Table) -> None:
        self.event_ids.append(events.select(["id"]))
        self.mistimed.append(columns.mistimed(events).select(["id"]))
        for topic, schema in SAID.items():
            self.said[topic].append(columns.of_topic(events, topic, schema))

    def add_ledger(self, entries: pa.Table) -> None:
        transactions = entries.group_by(["transaction_id", "kind", "created_at"]).aggregate([])
        self.transactions.append(transactions.rename_columns(sources.TRANSACTIONS.schema.names))
        self.entries.append(entries.select(sources.ENTRIES.schema.names))


@dataclass(slots=True)
class Hot:
    """One moment of Postgres: the tables of ``sources``. ``waiting`` are the ids of the events not yet delivered."""

    tier: Tier
    accounts: pa.Table
    payments: pa.Table
    refunds: pa.Table
    pended: pa.Table
    top_ups: pa.Table
    cash_outs: pa.Table
    fundings: pa.Table
    requests: pa.Table
    authorisations: pa.Table
    holds: pa.Table
    stories: pa.Table
    waiting: pa.Table
    manifests: Sequence[Any]


@dataclass(slots=True)
class Cold:
    """What the manifests of that moment list in S3, and all that is wrong with them and their files."""

    tier: Tier = field(default_factory=Tier)
    manifests: int = 0
    files: int = 0
    broken_chain: list[str] = field(default_factory=list)
    broken_files: list[str] = field(default_factory=list)


async def hot(tx: Transaction, progress: Progress) -> Hot:
    await queries.freeze(tx)
    progress("reading Postgres as of now")
    tier = Tier(
        transactions=[page async for page in _scan(tx, sources.TRANSACTIONS)],
        entries=[page async for page in _scan(tx, sources.ENTRIES)],
    )
    async for page in _scan(tx, sources.EVENTS):
        await run_sync(tier.add_events, page)

    async def whole(source: Source) -> pa.Table:
        return joined([page async for page in _scan(tx, source)], source.schema)

    return Hot(
        tier,
        accounts=await whole(sources.ACCOUNTS),
        payments=await whole(sources.PAYMENTS),
        refunds=await whole(sources.GIVEN_BACK),
        pended=await whole(sources.PENDED),
        top_ups=await whole(sources.TOPPED_UP),
        cash_outs=await whole(sources.CASHED_OUT),
        fundings=await whole(sources.FUNDINGS),
        requests=await whole(sources.REQUESTS),
        authorisations=await whole(sources.AUTHORISATIONS),
        holds=await whole(sources.LEDGER_HOLDS),
        stories=await whole(sources.STORIES),
        waiting=await whole(sources.WAITING),
        manifests=await queries.manifests(tx),
    )


async def cold(app: Adapters, manifests: Sequence[Any], progress: Progress) -> Cold:
    """Follow the chain of ``manifests``, rows of Postgres, and read every file of it. Raises Unavailable."""
    found = Cold(manifests=len(manifests))
    last = Link()
    for row in manifests:
        progress(f"reading manifest {row.sequence} of {len(manifests)}")
        manifest = await _manifest(app, row, last, found)
        last = Link(row.sequence, row.sha256)
        tables = await _tables(app, manifest, found) if manifest else None
        if manifest and tables is not None and files.counts(tables) != rules.counts_of(manifest):
            found.broken_files.append(f"the files of {row.key} do not hold what it counts")
    return found


def joined(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()


def _scan(tx: Transaction, source: Source) -> AsyncIterator[pa.Table]:
    return queries.scan(tx, source.table, source.schema, where=source.where, select=source.select)


async def _manifest(app: Adapters, row: Any, last: Link, found: Cold) -> Manifest | None:
    try:
        body = await app.objects.get(row.key)
        if rules.sha256(body) != row.sha256:
            raise ArchiveMismatch(f"{row.key} is not the manifest Postgres knows")
        manifest = rules.parse(body)
        if not rules.follows(manifest, last) or row.key != rules.manifest_key(row.sequence):
            raise ArchiveMismatch(f"{row.key} does not follow manifest {last.sequence}")
        if (row.transactions, row.entries, row.events) != (manifest.transactions, manifest.entries, manifest.events):
            raise ArchiveMismatch(f"{row.key} does not count what Postgres counts")
    except ObjectMissing:
        found.broken_chain.append(f"{row.key} is missing")
    except ObjectDamaged:
        found.broken_chain.append(f"{row.key} cannot be read whole")
    except ArchiveMismatch as error:
        found.broken_chain.append(error.detail)
    else:
        return manifest
    return None


async def _tables(app: Adapters, manifest: Manifest, found: Cold) -> list[pa.Table] | None:
    """The tables of a manifest, added to the tier; None when one of them cannot be had."""
    found.files += len(manifest.files)
    tables = []
    for read in await asyncio.gather(*(_table(app, file) for file in manifest.files)):
        if isinstance(read, str):
            found.broken_files.append(read)
            continue
        tables.append(read)
        add = {rules.EVENTS: found.tier.add_events, rules.LEDGER: found.tier.add_ledger}.get(files.shelf_of(read))
        if add:  # the audit trail has a proof of its own
            await run_sync(add, read)
    return tables if len(tables) == len(manifest.files) else None


async def _table(app: Adapters, file: File) -> pa.Table | str:
    """The table of a file, or what is wrong with it."""
    try:
        return await service.fetch(app, file)
    except ObjectMissing:
        return f"{file.key} is missing"
    except ObjectDamaged:
        return f"{file.key} cannot be read whole"
    except ArchiveMismatch as error:
        return error.detail
