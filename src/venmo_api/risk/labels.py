"""What was found out about payments afterwards: analysts' verdicts, and what banks said. Training waits for these."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction

# Whoever comes second with the same source finds what the first one said.
NOTE = text("""
    INSERT INTO risk_labels (tx_id, source, fraud, at, maker_id) VALUES (:tx_id, :source, :fraud, :at, :maker_id)
    ON CONFLICT (tx_id, source) DO NOTHING
""")
OF = text("SELECT * FROM risk_labels WHERE tx_id = ANY(CAST(:tx_ids AS uuid[])) ORDER BY tx_id, at, source")

FRAUDS = text("SELECT count(DISTINCT tx_id) FROM risk_labels WHERE fraud")


class LabelSource(StrEnum):
    VERDICT = "verdict"
    BANK_RETURN = "bank_return"
    CHARGEBACK = "chargeback"


@dataclass(frozen=True, slots=True)
class Label:
    """``at``: when it was known, in business time. ``maker_id``: who of the staff said or entered it."""

    tx_id: UUID
    source: LabelSource
    fraud: bool
    at: datetime
    maker_id: UUID


async def note(tx: Transaction, label: Label) -> bool:
    """Keep a label. False: this source has said something of it already, which stays."""
    row = {
        "tx_id": label.tx_id,
        "source": label.source,
        "fraud": label.fraud,
        "at": label.at,
        "maker_id": label.maker_id,
    }
    return (await tx.execute(NOTE, row)).rowcount == 1


async def of(tx: Transaction, tx_ids: Collection[UUID]) -> list[Label]:
    """All that is known of these, each one's oldest first."""
    rows = await tx.execute(OF, {"tx_ids": list(tx_ids)})
    return [Label(row.tx_id, LabelSource(row.source), row.fraud, row.at, row.maker_id) for row in rows]


async def frauds(tx: Transaction) -> int:
    """How many payments are known to have been fraud."""
    return int((await tx.execute(FRAUDS)).scalar_one())
