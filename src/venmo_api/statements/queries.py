"""SQL of statements: what says of ledger transactions what they were."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction

SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
PAYMENTS = text("""
    SELECT id, sender_id, recipient_id, note, fee, seller_fee, request_id IS NOT NULL AS is_charge
    FROM transfers WHERE id = ANY(CAST(:ids AS uuid[]))
""")
# The bank or card behind money in and out. A funding is found among the person's transfers: it may have come in long
# before its payment settled, and no index knows its ledger transaction.
SOURCES = text("""
    SELECT f.ledger_transaction_id AS id, f.funding_source_id AS source_id
    FROM transfers t JOIN fundings f ON f.transfer_id = t.id
    WHERE cardinality(CAST(:fundings AS uuid[])) > 0 AND t.sender_id = :user_id
      AND f.ledger_transaction_id = ANY(CAST(:fundings AS uuid[]))
    UNION ALL
    SELECT id, funding_source_id FROM top_ups WHERE id = ANY(CAST(:top_ups AS uuid[]))
    UNION ALL
    SELECT id, funding_source_id FROM cash_outs WHERE id = ANY(CAST(:cash_outs AS uuid[]))
""")
CASH_OUTS = text("SELECT id, fee, speed = 'instant' AS is_instant FROM cash_outs WHERE id = ANY(CAST(:ids AS uuid[]))")
FEES = text("""
    SELECT coalesce(sum(fee), 0) FROM (
        SELECT fee, coalesce(ended_at, created_at) AS at FROM transfers
        WHERE sender_id = :user_id AND status = 'settled' AND fee > 0
        UNION ALL
        SELECT seller_fee, coalesce(ended_at, created_at) FROM transfers
        WHERE recipient_id = :user_id AND status = 'settled' AND seller_fee > 0
        UNION ALL
        SELECT fee, ended_at FROM cash_outs WHERE user_id = :user_id AND status = 'settled' AND fee > 0) charged
    WHERE at >= :start AND at < :end
""")
TRANSFER = text("""
    SELECT status, created_at, ended_at,
           CASE WHEN sender_id = :user_id AND contact IS NULL
                     AND NOT EXISTS (SELECT FROM fundings f WHERE f.transfer_id = transfers.id)
                THEN 'held' ELSE 'pending' END AS waited
    FROM transfers WHERE id = :id AND (sender_id = :user_id OR (recipient_id = :user_id AND status = 'settled'))
""")
REFUNDS = text("""
    SELECT coalesce(ended_at, created_at) AS at, amount FROM transfers
    WHERE refund_of = :id AND status = 'settled' ORDER BY at, id
""")


async def freeze(tx: Transaction) -> None:
    """Everything this transaction reads from now on is of one moment."""
    await tx.execute(SNAPSHOT)


async def payments(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(PAYMENTS, {"ids": ids})).all()


async def cash_outs(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(CASH_OUTS, {"ids": ids})).all()


async def sources(
    tx: Transaction, user_id: UUID, *, fundings: Sequence[UUID], top_ups: Sequence[UUID], cash_outs: Sequence[UUID]
) -> Sequence[Any]:
    parameters = {"user_id": user_id, "fundings": fundings, "top_ups": top_ups, "cash_outs": cash_outs}
    return (await tx.execute(SOURCES, parameters)).all()


async def fees(tx: Transaction, user_id: UUID, *, start: datetime, end: datetime) -> int:
    return int((await tx.execute(FEES, {"user_id": user_id, "start": start, "end": end})).scalar_one())


async def transfer(tx: Transaction, transfer_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(TRANSFER, {"id": transfer_id, "user_id": user_id})).first()


async def refunds(tx: Transaction, transfer_id: UUID) -> Sequence[Any]:
    return (await tx.execute(REFUNDS, {"id": transfer_id})).all()
