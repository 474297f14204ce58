"""Both tiers as one: what the checks look at."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import sources
from venmo_api.archive.columns import ID, SAID
from venmo_api.archive.tiers import Cold, Hot, joined

ENTRIES = ["transaction_id", "account_id", "amount"]
EVENT_IDS = pa.schema([("id", ID)])


@dataclass(slots=True)
class Evidence:
    """``entries`` carry kind and moment of their transaction, null where there is none. ``said`` is what the events
    say, by topic; ``mistimed`` the ids of events that say another moment than their row."""

    hot: Hot
    cold: Cold
    transactions: pa.Table
    entries: pa.Table
    events: pa.Table
    said: dict[str, pa.Table]
    mistimed: pa.Table

    @classmethod
    def of(cls, hot: Hot, cold: Cold) -> "Evidence":
        transactions = joined(hot.tier.transactions + cold.tier.transactions, sources.TRANSACTIONS.schema)
        entries = joined(hot.tier.entries + cold.tier.entries, sources.ENTRIES.schema)
        at = pc.index_in(entries["transaction_id"], transactions["id"].combine_chunks())
        return cls(
            hot,
            cold,
            transactions,
            entries.append_column("kind", transactions["kind"].take(at)).append_column(
                "at", transactions["created_at"].take(at)
            ),
            joined(hot.tier.event_ids + cold.tier.event_ids, EVENT_IDS),
            {topic: joined(hot.tier.said[topic] + cold.tier.said[topic], schema) for topic, schema in SAID.items()},
            joined(hot.tier.mistimed + cold.tier.mistimed, EVENT_IDS),
        )

    def transactions_of(self, kind: str) -> pa.Table:
        return self.transactions.filter(pc.equal(self.transactions["kind"], kind))

    def entries_of(self, kind: str) -> pa.Table:
        """Transaction, account and amount of each entry of the transactions of this kind."""
        return self.entries.filter(pc.equal(self.entries["kind"], kind)).select(ENTRIES)
