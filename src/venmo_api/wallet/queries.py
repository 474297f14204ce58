"""SQL of funding sources, top-ups and cash-outs."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.keys import Keys, Sealer
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest
from venmo_api.crypto import service as crypto
from venmo_api.idempotency.rules import Claim
from venmo_api.wallet.rules import CASH_OUT_ROUTE, TOP_UP_ROUTE, CashOut, Source, SourceType, Speed, Status, TopUp

INSERT_SOURCE = text("""
    INSERT INTO funding_sources (id, user_id, type, sealed, created_at)
    VALUES (:id, :user_id, :type, :sealed, :created_at)
""")
SOURCE = text("""
    SELECT s.*, k.wrapped_by, k.wrapped FROM funding_sources s JOIN person_keys k USING (user_id)
    WHERE s.id = :id AND user_id = :user_id
""")
SOURCES = text("""
    SELECT s.*, k.wrapped_by, k.wrapped FROM funding_sources s JOIN person_keys k USING (user_id)
    WHERE user_id = :user_id AND (CAST(:after AS uuid) IS NULL OR id < :after) ORDER BY id DESC LIMIT :most
""")
ALL_SOURCES = text("""
    SELECT s.*, k.wrapped_by, k.wrapped FROM funding_sources s JOIN person_keys k USING (user_id)
    WHERE user_id = :user_id
""")
PENDING_AMOUNT = text("SELECT coalesce(sum(amount), 0) FROM top_ups WHERE user_id = :user_id AND status = 'pending'")

INSERT_TOP_UP = text("""
    INSERT INTO top_ups (id, user_id, funding_source_id, amount, currency, status, idempotency_key, fingerprint,
                         request_id, created_at, due_at)
    VALUES (:id, :user_id, :source_id, :amount, :currency, 'pending', :key, :fingerprint, :request_id, :created_at,
            :due_at)
""")
INSERT_CASH_OUT = text("""
    INSERT INTO cash_outs (id, user_id, funding_source_id, amount, fee, currency, speed, status, idempotency_key,
                           fingerprint, request_id, created_at, due_at)
    VALUES (:id, :user_id, :source_id, :amount, :fee, :currency, :speed, 'pending', :key, :fingerprint, :request_id,
            :created_at, :due_at)
""")
_BOTH = ("top_ups", "cash_outs")
_SOURCE = "s.type, s.sealed, s.created_at AS source_created_at, k.wrapped_by, k.wrapped"
_BEHIND = "funding_sources s JOIN person_keys k USING (user_id)"
_GET = f"""
    SELECT m.*, {{source}} FROM {{table}} m JOIN ({_BEHIND}) ON s.id = m.funding_source_id
    WHERE m.id = :id AND m.user_id = :user_id
"""
_LIST = f"""
    SELECT m.*, {{source}} FROM {{table}} m JOIN ({_BEHIND}) ON s.id = m.funding_source_id
    WHERE m.user_id = :user_id AND (CAST(:after AS uuid) IS NULL OR m.id < :after) ORDER BY m.id DESC LIMIT :most
"""
_LOCK = "SELECT status, ended_at FROM {table} WHERE id = :id FOR UPDATE"
_END = "UPDATE {table} SET status = :status, ended_at = :ended_at WHERE id = :id AND status = 'pending'"
# Moving due_at on is the claim: no other worker asks the bank meanwhile, and what keeps failing goes to the back.
_CLAIM = f"""
    UPDATE {{table}} m SET due_at = :next
    FROM {_BEHIND}
    WHERE s.id = m.funding_source_id AND m.id IN (
        SELECT id FROM {{table}} WHERE status = 'pending' AND due_at <= :now ORDER BY due_at LIMIT :most
        FOR UPDATE SKIP LOCKED)
    RETURNING m.*, {{source}}
"""
GET_TOP_UP, GET_CASH_OUT = (text(_GET.format(table=table, source=_SOURCE)) for table in _BOTH)
LIST_TOP_UPS, LIST_CASH_OUTS = (text(_LIST.format(table=table, source=_SOURCE)) for table in _BOTH)
LOCK_TOP_UP, LOCK_CASH_OUT = (text(_LOCK.format(table=table)) for table in _BOTH)
END_TOP_UP, END_CASH_OUT = (text(_END.format(table=table)) for table in _BOTH)
CLAIM_TOP_UPS, CLAIM_CASH_OUTS = (
    text(_CLAIM.format(table=table, source=_SOURCE)) for table in ("top_ups", "cash_outs")
)


async def insert_source(tx: Transaction, user_id: UUID, source: Source, *, sealer: Sealer) -> None:
    details = json.dumps([source.token, source.label, source.last4])
    await tx.execute(
        INSERT_SOURCE,
        {
            "id": source.id,
            "user_id": user_id,
            "type": source.type,
            "sealed": sealer.seal("funding_sources", "sealed", source.id, details),
            "created_at": source.created_at,
        },
    )


async def source(tx: Transaction, source_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(SOURCE, {"id": source_id, "user_id": user_id})).first()


async def sources(tx: Transaction, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    return (await tx.execute(SOURCES, _of_user(user_id, page))).all()


async def all_sources(tx: Transaction, user_id: UUID) -> Sequence[Any]:
    return (await tx.execute(ALL_SOURCES, {"user_id": user_id})).all()


async def pending_amount(tx: Transaction, user_id: UUID) -> int:
    return int((await tx.execute(PENDING_AMOUNT, {"user_id": user_id})).scalar_one())


async def insert_top_up(tx: Transaction, top_up: TopUp, *, due_at: datetime) -> None:
    await tx.write(INSERT_TOP_UP, _begun(top_up, due_at))


async def insert_cash_out(tx: Transaction, cash_out: CashOut, *, due_at: datetime) -> None:
    await tx.write(INSERT_CASH_OUT, _begun(cash_out, due_at) | {"fee": cash_out.fee, "speed": cash_out.speed})


async def top_up(tx: Transaction, top_up_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(GET_TOP_UP, {"id": top_up_id, "user_id": user_id})).first()


async def cash_out(tx: Transaction, cash_out_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(GET_CASH_OUT, {"id": cash_out_id, "user_id": user_id})).first()


async def top_ups(tx: Transaction, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    return (await tx.execute(LIST_TOP_UPS, _of_user(user_id, page))).all()


async def cash_outs(tx: Transaction, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    return (await tx.execute(LIST_CASH_OUTS, _of_user(user_id, page))).all()


async def lock_top_up(tx: Transaction, top_up_id: UUID) -> Any:
    """Its state, this transaction's to change. Locked before any account."""
    return (await tx.execute(LOCK_TOP_UP, {"id": top_up_id})).one()


async def lock_cash_out(tx: Transaction, cash_out_id: UUID) -> Any:
    """Its state, this transaction's to change. Locked before any account."""
    return (await tx.execute(LOCK_CASH_OUT, {"id": cash_out_id})).one()


async def end_top_up(tx: Transaction, top_up: TopUp) -> None:
    await tx.write(END_TOP_UP, {"id": top_up.id, "status": top_up.status, "ended_at": top_up.ended_at})


async def end_cash_out(tx: Transaction, cash_out: CashOut) -> None:
    await tx.write(END_CASH_OUT, {"id": cash_out.id, "status": cash_out.status, "ended_at": cash_out.ended_at})


async def claim_top_ups(tx: Transaction, *, now: datetime, next: datetime, most: int) -> Sequence[Any]:
    return (await tx.execute(CLAIM_TOP_UPS, {"now": now, "next": next, "most": most})).all()


async def claim_cash_outs(tx: Transaction, *, now: datetime, next: datetime, most: int) -> Sequence[Any]:
    return (await tx.execute(CLAIM_CASH_OUTS, {"now": now, "next": next, "most": most})).all()


def source_of(keys: Keys, row: Any) -> Source:
    """Raises KeyAway, as all that read a source."""
    return _source(keys, row, row.id, row.created_at)


def source_behind(keys: Keys, row: Any) -> Source:
    """The source of what was asked of a bank."""
    return _source(keys, row, row.funding_source_id, row.source_created_at)


def top_up_of(keys: Keys, row: Any) -> TopUp:
    return TopUp(
        row.id,
        row.user_id,
        source_behind(keys, row),
        row.amount,
        row.currency,
        Status(row.status),
        Claim(row.user_id, TOP_UP_ROUTE, row.idempotency_key, (row.fingerprint,), row.created_at),
        row.request_id,
        row.created_at,
        row.ended_at,
    )


def cash_out_of(keys: Keys, row: Any) -> CashOut:
    return CashOut(
        row.id,
        row.user_id,
        source_behind(keys, row),
        row.amount,
        row.fee,
        row.currency,
        Speed(row.speed),
        Status(row.status),
        Claim(row.user_id, CASH_OUT_ROUTE, row.idempotency_key, (row.fingerprint,), row.created_at),
        row.request_id,
        row.created_at,
        row.ended_at,
    )


def _source(keys: Keys, row: Any, source_id: UUID, created_at: datetime) -> Source:
    details = crypto.read(keys, row).unseal("funding_sources", "sealed", source_id, row.sealed)
    token, label, last4 = json.loads(details)
    return Source(source_id, SourceType(row.type), token, label, last4, created_at)


def _of_user(user_id: UUID, page: PageRequest) -> dict[str, Any]:
    return {"user_id": user_id, "after": page.after, "most": page.limit + 1}


def _begun(moving: TopUp | CashOut, due_at: datetime) -> dict[str, Any]:
    return {
        "id": moving.id,
        "user_id": moving.user_id,
        "source_id": moving.source.id,
        "amount": moving.amount,
        "currency": moving.currency,
        "key": moving.claim.key,
        "fingerprint": moving.claim.fingerprint,
        "request_id": moving.request_id,
        "created_at": moving.created_at,
        "due_at": due_at,
    }
