"""Everything the proof looks at, in buckets: how it is sorted there, and the reading of Postgres as of one moment."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from anyio.to_thread import run_sync

from venmo_api.adapters.postgres import Transaction
from venmo_api.archive import columns, evidence, snapshot, sources, verdicts
from venmo_api.archive.buckets import Buckets
from venmo_api.archive.columns import SAID
from venmo_api.archive.service import Progress
from venmo_api.archive.sources import Source

BLOCK = 1 << 16
"""Versions of an account that are looked at together: the bank's are more than fit into one bucket."""
PILES = (
    ("accounts", sources.ACCOUNTS, "id"),
    ("payments", sources.PAYMENTS, "transfer_id"),
    ("refunds", sources.GIVEN_BACK, "transfer_id"),
    ("pended", sources.PENDED, "id"),
    ("top_ups", sources.TOPPED_UP, "top_up_id"),
    ("cash_outs", sources.CASHED_OUT, "cash_out_id"),
    ("fundings", sources.FUNDINGS, "id"),
    ("requests", sources.REQUESTS, "request_id"),
    ("authorisations", sources.AUTHORISATIONS, "hold_id"),
    ("holds", sources.HOLDS, "id"),
    ("stories", sources.STORIES, "transfer_id"),
)
"""Which rows of Postgres go where: name, source, and the id by which they come together."""


@dataclass(slots=True)
class Found:
    """What both tiers hold, in buckets; of manifests and their files also all that is wrong. ``balances`` are sums by
    kind of account, ``waiting`` the ids of the events not yet delivered, ``moved_cents`` all that moved in archived
    entries."""

    buckets: Buckets
    balances: Counter[str] = field(default_factory=Counter)
    waiting: pa.ChunkedArray = field(default_factory=lambda: pa.chunked_array([], columns.ID))
    manifests: int = 0
    files: int = 0
    moved_cents: int = 0
    broken_chain: list[str] = field(default_factory=list)
    broken_files: list[str] = field(default_factory=list)

    def add_transactions(self, rows: pa.Table) -> None:
        self.buckets.add("transactions", rows, by="id")

    def add_entries(self, rows: pa.Table) -> None:
        self.buckets.add("entries", rows.select(evidence.NAMES["entries"].names), by="transaction_id")
        for moves in _moves(rows):
            self.buckets.add("moves", moves, by="block_id")
        sums = rows.group_by("account_id").aggregate([("amount", "sum"), ("amount", "count"), ("at", "max")])
        self.buckets.add("sums", sums.rename_columns(evidence.SUMS.names), by="account_id")

    def add_ledger(self, rows: pa.Table) -> None:
        """Archived entries, which carry their transactions."""
        rows = rows.append_column("at", rows["created_at"])
        self.add_entries(rows.select(sources.ENTRIES.schema.names))
        transactions = rows.group_by(["transaction_id", "kind", "created_at"]).aggregate([])
        transactions = transactions.rename_columns(sources.TRANSACTIONS.schema.names)
        self.buckets.add("archived", transactions, by="id")
        amounts = rows["amount"]
        self.moved_cents += pc.sum(amounts.filter(pc.greater(amounts, 0))).as_py() or 0

    def add_events(self, rows: pa.Table) -> None:
        self.buckets.add("events", rows.select(["id"]), by="id")
        self.buckets.add("mistimed", columns.mistimed(rows).select(["id"]), by="id")
        for topic, schema in SAID.items():
            self.buckets.add(topic, columns.of_topic(rows, topic, schema), by=schema.names[0])

    def add_pile(self, name: str, rows: pa.Table, by: str) -> None:
        self.buckets.add(name, rows, by=by)
        if name == "accounts":
            sums = rows.group_by("kind").aggregate([("balance", "sum")])
            for kind, balance in zip(sums["kind"].to_pylist(), sums["balance_sum"].to_pylist(), strict=True):
                self.balances[kind] += balance
        if name == "payments":
            captures = rows.filter(verdicts.is_set(rows["hold_id"]))
            self.buckets.add("captures", captures.select(evidence.NAMES["captures"].names), by="hold_id")
            accepted = rows.filter(verdicts.is_set(rows["request_id"]))
            self.buckets.add("accepted", accepted.select(sources.REQUESTS.schema.names), by="request_id")
        if name == "refunds":
            self.buckets.add("given_back", rows, by="refund_of")
        if name == "holds":
            self.buckets.add("account_holds", rows, by="account_id")


async def hot(tx: Transaction, found: Found, progress: Progress) -> Sequence[Any]:
    """Everything in Postgres as of one moment; the manifests of that moment, which say what is not in Postgres."""
    progress("reading Postgres as of now")
    await snapshot.begin(tx, *snapshot.MOVING)
    for source, add in (
        (sources.TRANSACTIONS, found.add_transactions),
        (sources.ENTRIES, found.add_entries),
        (sources.EVENTS, found.add_events),
    ):
        async for page in _scan(tx, source):
            await run_sync(add, page)
        progress(f"read {source.table}")
    for name, source, by in PILES:
        async for page in _scan(tx, source):
            await run_sync(found.add_pile, name, page, by)
        progress(f"read {name.replace('_', ' ')}")
    waiting = [page["event_id"] async for page in _scan(tx, sources.WAITING)]
    found.waiting = pa.chunked_array([chunk for column in waiting for chunk in column.chunks], columns.ID)
    return await snapshot.manifests(tx)


def _scan(tx: Transaction, source: Source) -> Any:
    return snapshot.scan(tx, source.table, source.schema, where=source.where, select=source.select)


def _moves(rows: pa.Table) -> list[pa.Table]:
    """The entries by account and block; those that end a block once more, in the block they lead to."""
    version = rows["version"]
    block = pc.divide(version, BLOCK)
    ends = pc.equal(pc.subtract(version, pc.multiply(block, BLOCK)), BLOCK - 1)
    last = rows.filter(ends)
    return [
        _with_block(rows, block),
        _with_block(last, pc.add(block.filter(ends), 1)),
    ]


def _with_block(rows: pa.Table, block: pa.ChunkedArray) -> pa.Table:
    rows = rows.append_column("block", block).append_column("block_id", _block_ids(rows["account_id"], block))
    return rows.select(evidence.MOVES.names).cast(evidence.MOVES)


def _block_ids(accounts: pa.ChunkedArray, block: pa.ChunkedArray) -> pa.ChunkedArray:
    """The id of each account with its block in it, so that the blocks of one account are spread."""
    if not pc.any(pc.greater(block, 0)).as_py():
        return accounts
    bare = accounts.to_pylist()
    mixed = (
        each[:8] + (int.from_bytes(each[8:]) ^ number).to_bytes(8)
        for each, number in zip(bare, block.to_pylist(), strict=True)
    )
    return pa.chunked_array([columns.ids(b"".join(mixed))])
