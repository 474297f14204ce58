"""What the checks look at: a bucket of both tiers as one."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import sources
from venmo_api.archive.buckets import Buckets
from venmo_api.archive.columns import CENTS, ID, MOMENT, SAID

ENTRIES = ["transaction_id", "account_id", "amount"]
PARTIES = ["hold_id", "sender_id", "recipient_id"]
MOVES = pa.schema(
    [
        ("block_id", ID),
        ("account_id", ID),
        ("block", pa.int64()),
        ("version", pa.int64()),
        ("amount", CENTS),
        ("balance_after", CENTS),
        ("at", MOMENT),
    ]
)
"""Entries by account and block of versions; the last of each block stands in the next one too."""
SUMS = pa.schema([("account_id", ID), ("amount", CENTS), ("count", pa.int64()), ("at", MOMENT)])
"""What some of the entries of an account add up to, and the moment of the last of them."""
IDS = pa.schema([("id", ID)])
NAMES = {
    "transactions": sources.TRANSACTIONS.schema,
    "archived": sources.TRANSACTIONS.schema,
    "entries": pa.schema([*((name, sources.ENTRIES.schema.field(name).type) for name in ENTRIES), ("at", MOMENT)]),
    "moves": MOVES,
    "sums": SUMS,
    "events": IDS,
    "mistimed": IDS,
    **SAID,
    "accounts": sources.ACCOUNTS.schema,
    "payments": sources.PAYMENTS.schema,
    "captures": pa.schema([*((name, ID) for name in PARTIES), ("amount", CENTS)]),
    "accepted": sources.REQUESTS.schema,
    "refunds": sources.GIVEN_BACK.schema,
    "given_back": sources.GIVEN_BACK.schema,
    "pended": sources.PENDED.schema,
    "top_ups": sources.TOPPED_UP.schema,
    "cash_outs": sources.CASHED_OUT.schema,
    "fundings": sources.FUNDINGS.schema,
    "requests": sources.REQUESTS.schema,
    "authorisations": sources.AUTHORISATIONS.schema,
    "holds": sources.HOLDS.schema,
    "account_holds": sources.HOLDS.schema,
    "stories": sources.STORIES.schema,
}
"""All there is. ``transactions`` are in Postgres, ``archived`` ones in S3, where one may be told several times: each
entry carries its own. ``captures`` are the payments of authorisations and ``accepted`` those of requests, by what they
are of; ``given_back`` refunds by their payment; ``account_holds`` holds by whose they are."""


@dataclass(slots=True)
class Evidence:
    """One bucket of each table in ``NAMES``. ``waiting`` are the ids of all events that are not delivered yet."""

    buckets: Buckets
    bucket: int
    waiting: pa.ChunkedArray
    _read: dict[str, pa.Table] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name not in self._read:
            self._read[name] = self.buckets.read(name, self.bucket, NAMES[name])
        return self._read[name]

    @property
    def transactions(self) -> Any:
        """Of both tiers; one is there twice that is in both, or that is archived in two ways."""
        if "of both tiers" not in self._read:
            archived = self["archived"].group_by(sources.TRANSACTIONS.schema.names).aggregate([])
            self._read["of both tiers"] = pa.concat_tables([self["transactions"], archived]).combine_chunks()
        return self._read["of both tiers"]

    @property
    def entries(self) -> Any:
        """With the ``kind`` of their transaction and ``posted_at``, its moment; null where there is none."""
        if "entries with kind" not in self._read:
            entries, transactions = self["entries"], self.transactions
            at = pc.index_in(entries["transaction_id"], transactions["id"].combine_chunks())
            told = entries.append_column("kind", transactions["kind"].take(at))
            told = told.append_column("posted_at", transactions["created_at"].take(at))
            self._read["entries with kind"] = told
        return self._read["entries with kind"]

    def transactions_of(self, kind: str) -> Any:
        return self.transactions.filter(pc.equal(self.transactions["kind"], kind))

    def entries_of(self, kind: str) -> Any:
        """Transaction, account and amount of each entry of the transactions of this kind."""
        return self.entries.filter(pc.equal(self.entries["kind"], kind)).select(ENTRIES)
