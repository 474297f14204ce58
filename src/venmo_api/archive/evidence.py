"""Both tiers as one: what the checks look at."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import sources
from venmo_api.archive.columns import ID, SAID
from venmo_api.archive.tiers import Cold, Hot, joined

EVENT_IDS = pa.schema([("id", ID)])


@dataclass(slots=True)
class Evidence:
    """``said`` is what the events say, by topic; ``mistimed`` the ids of events that say another moment than their
    row."""

    hot: Hot
    cold: Cold
    transactions: pa.Table
    entries: pa.Table
    events: pa.Table
    said: dict[str, pa.Table]
    mistimed: pa.Table

    @classmethod
    def of(cls, hot: Hot, cold: Cold) -> "Evidence":
        return cls(
            hot,
            cold,
            joined(hot.tier.transactions + cold.tier.transactions, sources.TRANSACTIONS.schema),
            joined(hot.tier.entries + cold.tier.entries, sources.ENTRIES.schema),
            joined(hot.tier.event_ids + cold.tier.event_ids, EVENT_IDS),
            {topic: joined(hot.tier.said[topic] + cold.tier.said[topic], schema) for topic, schema in SAID.items()},
            joined(hot.tier.mistimed + cold.tier.mistimed, EVENT_IDS),
        )

    def transactions_of(self, kind: str) -> pa.Table:
        return self.transactions.filter(pc.equal(self.transactions["kind"], kind))

    def entries_of(self, kind: str) -> pa.Table:
        """Transaction, account and amount of each entry of the transactions of this kind."""
        of_kind = pc.is_in(self.entries["transaction_id"], self.transactions_of(kind)["id"].combine_chunks())
        return self.entries.filter(of_kind).select(["transaction_id", "account_id", "amount"])
