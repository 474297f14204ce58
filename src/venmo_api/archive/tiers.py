"""Everything the proof looks at, as columns: one snapshot of Postgres, and the files its manifests list."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import ObjectDamaged, ObjectMissing
from venmo_api.archive import columns, files, queries, rules, service
from venmo_api.archive.columns import CENTS, ID, MOMENT, TOP_UPS, TRANSFERS
from venmo_api.archive.rules import ArchiveMismatch, File, Link, Manifest
from venmo_api.archive.service import Progress
from venmo_api.ledger.rules import STRIPES, bank_stripe

ACCOUNTS = pa.schema(
    [("id", ID), ("kind", pa.string()), ("balance", CENTS), ("held", CENTS), ("floor", CENTS), ("version", pa.int64())]
)
TRANSACTIONS = pa.schema([("id", ID), ("kind", pa.string()), ("created_at", MOMENT)])
ENTRIES = pa.schema(
    [("transaction_id", ID), ("account_id", ID), ("version", pa.int64()), ("amount", CENTS), ("balance_after", CENTS)]
)
EVENT_IDS = pa.schema([("id", ID)])
WAITING = pa.schema([("event_id", ID)])
EVENTS = "id, topic, payload::text AS payload, created_at"
SETTLED = "id AS transfer_id, sender_id, recipient_id, amount, currency, note, audience, created_at AS at"
STORIES = (
    "id AS transfer_id, actor_id AS sender_id, target_id AS recipient_id, amount, currency, note, audience, "
    "created_at AS at"
)


@dataclass(slots=True)
class Tier:
    """What one place holds, hot or cold. ``transfers`` and ``top_ups`` are what the events there announce, ``mistimed``
    the events that say another moment than their row."""

    transactions: list[pa.Table] = field(default_factory=list)
    entries: list[pa.Table] = field(default_factory=list)
    event_ids: list[pa.Table] = field(default_factory=list)
    transfers: list[pa.Table] = field(default_factory=list)
    top_ups: list[pa.Table] = field(default_factory=list)
    mistimed: list[pa.Table] = field(default_factory=list)

    def add_events(self, events: pa.Table) -> None:
        self.event_ids.append(events.select(["id"]))
        self.mistimed.append(columns.mistimed(events).select(["id"]))
        self.transfers.append(columns.of_topic(events, "TransferSettled", columns.TRANSFERS_SAID))
        self.top_ups.append(columns.of_topic(events, "TopUpSettled", columns.TOP_UPS_SAID))

    def add_ledger(self, entries: pa.Table) -> None:
        transactions = entries.group_by(["transaction_id", "kind", "created_at"]).aggregate([])
        self.transactions.append(transactions.rename_columns(TRANSACTIONS.names))
        self.entries.append(entries.select(ENTRIES.names))


@dataclass(slots=True)
class Hot:
    """One moment of Postgres. ``waiting`` are the ids of the events not yet delivered."""

    tier: Tier
    accounts: pa.Table
    transfers: pa.Table
    top_ups: pa.Table
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
        transactions=[page async for page in queries.scan(tx, "ledger_transactions", TRANSACTIONS)],
        entries=[page async for page in queries.scan(tx, "ledger_entries", ENTRIES)],
    )
    async for page in queries.scan(tx, "events", files.EVENTS, select=EVENTS):
        await run_sync(tier.add_events, page)

    async def whole(source: str, schema: pa.Schema, **how: str) -> pa.Table:
        return joined([page async for page in queries.scan(tx, source, schema, **how)], schema)

    settled = "status = 'settled'"
    return Hot(
        tier,
        accounts=await whole("ledger_accounts", ACCOUNTS),
        transfers=await whole("transfers", TRANSFERS, select=SETTLED, where=settled),
        top_ups=await whole("top_ups", TOP_UPS, select="id AS top_up_id, user_id, amount, currency", where=settled),
        stories=await whole("stories", TRANSFERS, select=STORIES),
        waiting=await whole("outbox_queue", WAITING),
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


def postings(transfers: pa.Table, top_ups: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The entries (transaction, account, amount) that settled transfers, and settled top-ups, must have."""
    names = ["transaction_id", "account_id", "amount"]

    def both(table: pa.Table, payer: pa.Array, payee: pa.Array) -> pa.Table:
        out = pa.table([table.column(0), payer, pc.negate(table["amount"])], names)
        return pa.concat_tables([out, pa.table([table.column(0), payee, table["amount"]], names)])

    return (
        both(transfers, transfers["sender_id"], transfers["recipient_id"]),
        both(top_ups, _bank_accounts(top_ups["user_id"]), top_ups["user_id"]),
    )


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
        add = found.tier.add_events if read.schema == files.EVENTS else found.tier.add_ledger
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


def _bank_accounts(users: pa.ChunkedArray) -> pa.Array:
    """The bank's stripe for each user: ``ledger.rules.bank_account``, by the last byte of the id."""
    stripes = columns.ids(b"".join(bank_stripe(number).bytes for number in range(STRIPES)))
    last_bytes = pc.binary_slice(users.cast(pa.binary()), -1, None).to_pylist()
    return stripes.take(pa.array([last[0] % STRIPES for last in last_bytes], pa.int32()))
