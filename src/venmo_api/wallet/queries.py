"""SQL of funding sources and top-ups."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest
from venmo_api.wallet.rules import Source, TopUp

INSERT_SOURCE = text("""
    INSERT INTO funding_sources (id, user_id, type, token, label, last4, created_at)
    VALUES (:id, :user_id, :type, :token, :label, :last4, :created_at)
""")
SOURCE = text("SELECT * FROM funding_sources WHERE id = :id AND user_id = :user_id")
SOURCES = text("""
    SELECT * FROM funding_sources WHERE user_id = :user_id AND (CAST(:after AS uuid) IS NULL OR id < :after)
    ORDER BY id DESC LIMIT :most
""")
PENDING_AMOUNT = text("SELECT coalesce(sum(amount), 0) FROM top_ups WHERE user_id = :user_id AND status = 'pending'")
INSERT_TOP_UP = text("""
    INSERT INTO top_ups (id, user_id, funding_source_id, amount, currency, status, idempotency_key, fingerprint,
                         request_id, created_at, due_at)
    VALUES (:id, :user_id, :source_id, :amount, :currency, 'pending', :key, :fingerprint, :request_id, :created_at,
            :due_at)
""")
END_TOP_UP = text("""
    UPDATE top_ups SET status = :status, ended_at = :now WHERE id = :id AND status = 'pending' RETURNING id
""")
# Moving due_at on is the claim: no other worker asks the bank meanwhile, and what keeps failing goes to the back.
CLAIM_STUCK = text("""
    UPDATE top_ups t SET due_at = :next
    FROM funding_sources s
    WHERE s.id = t.funding_source_id AND t.id IN (
        SELECT id FROM top_ups WHERE status = 'pending' AND due_at <= :now ORDER BY due_at LIMIT :most
        FOR UPDATE SKIP LOCKED)
    RETURNING t.*, s.type, s.token, s.label, s.last4, s.created_at AS source_created_at
""")


async def insert_source(tx: Transaction, user_id: UUID, source: Source) -> None:
    await tx.execute(
        INSERT_SOURCE,
        {
            "id": source.id,
            "user_id": user_id,
            "type": source.type,
            "token": source.token,
            "label": source.label,
            "last4": source.last4,
            "created_at": source.created_at,
        },
    )


async def source(tx: Transaction, source_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(SOURCE, {"id": source_id, "user_id": user_id})).first()


async def sources(tx: Transaction, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    parameters = {"user_id": user_id, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(SOURCES, parameters)).all()


async def pending_amount(tx: Transaction, user_id: UUID) -> int:
    return int((await tx.execute(PENDING_AMOUNT, {"user_id": user_id})).scalar_one())


async def insert_top_up(tx: Transaction, top_up: TopUp, *, due_at: datetime) -> None:
    await tx.execute(
        INSERT_TOP_UP,
        {
            "id": top_up.id,
            "user_id": top_up.user_id,
            "source_id": top_up.source.id,
            "amount": top_up.amount,
            "currency": top_up.currency,
            "key": top_up.claim.key,
            "fingerprint": top_up.claim.fingerprint,
            "request_id": top_up.request_id,
            "created_at": top_up.created_at,
            "due_at": due_at,
        },
    )


async def end_top_up(tx: Transaction, top_up_id: UUID, *, status: str, now: datetime) -> bool:
    """False when it had ended already."""
    parameters = {"id": top_up_id, "status": status, "now": now}
    return (await tx.execute(END_TOP_UP, parameters)).first() is not None


async def claim_stuck(tx: Transaction, *, now: datetime, next: datetime, most: int) -> Sequence[Any]:
    return (await tx.execute(CLAIM_STUCK, {"now": now, "next": next, "most": most})).all()
