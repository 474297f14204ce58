"""SQL of payment requests and splits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest
from venmo_api.requests.rules import Direction, Request, RequestStatus, Split

_COLUMNS = {
    "id": "uuid",
    "requester_id": "uuid",
    "payer_id": "uuid",
    "amount": "bigint",
    "currency": "text",
    "note": "text",
    "audience": "text",
    "status": "text",
    "split_id": "uuid",
    "created_at": "timestamptz",
    "expires_at": "timestamptz",
}
INSERT = text(f"""
    INSERT INTO payment_requests ({", ".join(_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {type_}[])" for name, type_ in _COLUMNS.items())})
""")
_PARTY = "id = :id AND :user_id IN (requester_id, payer_id)"
GET = text(f"SELECT * FROM payment_requests WHERE {_PARTY}")
# Before any account is locked: a step of a request has its row to itself.
LOCK = text(f"SELECT * FROM payment_requests WHERE {_PARTY} FOR UPDATE")
# The second check that a request ends once: whoever comes to an ended one finds no row.
END = text("""
    UPDATE payment_requests
    SET status = :status, transfer_id = :transfer_id, ended_at = :ended_at, ended_by = :ended_by
    WHERE id = :id AND status = 'pending' RETURNING id
""")
REMIND = text("""
    UPDATE payment_requests SET reminders = :reminders, reminded_at = :reminded_at
    WHERE id = :id AND status = 'pending' RETURNING id
""")
EXPIRE = text("""
    UPDATE payment_requests SET status = 'expired', ended_at = expires_at
    WHERE id = ANY(ARRAY(
        SELECT id FROM payment_requests WHERE status = 'pending' AND expires_at <= :now
        ORDER BY expires_at LIMIT :most FOR UPDATE SKIP LOCKED))
    RETURNING *
""")
LOCK_BETWEEN = text("""
    SELECT * FROM payment_requests
    WHERE status = 'pending' AND expires_at > :now
      AND (requester_id = :one AND payer_id = :other OR requester_id = :other AND payer_id = :one)
    ORDER BY id LIMIT :most FOR UPDATE
""")
# What is overdue has expired, whether or not that is written down yet.
_STATUS = "CASE WHEN status = 'pending' AND expires_at <= :now THEN 'expired' ELSE status END"
_SIDE = f"""(SELECT * FROM payment_requests
    WHERE {{side}} = :user_id AND (CAST(:after AS uuid) IS NULL OR id < :after)
      AND (CAST(:status AS text) IS NULL OR {_STATUS} = :status)
    ORDER BY id DESC LIMIT :most)"""
_INCOMING, _OUTGOING = _SIDE.format(side="payer_id"), _SIDE.format(side="requester_id")
LIST: dict[Direction, TextClause] = {
    "incoming": text(_INCOMING),
    "outgoing": text(_OUTGOING),
    "all": text(f"{_INCOMING} UNION ALL {_OUTGOING} ORDER BY id DESC LIMIT :most"),
}

INSERT_SPLIT = text("""
    INSERT INTO splits (id, creator_id, total, own_share, currency, method, note, created_at)
    VALUES (:id, :creator_id, :total, :own_share, :currency, :method, :note, :created_at)
""")
GET_SPLIT = text("SELECT * FROM splits WHERE id = :id")
SHARED = text("""
    SELECT * FROM payment_requests WHERE split_id = :split_id AND :user_id IN (requester_id, payer_id) ORDER BY id
""")
SPLITS = text(f"""
    SELECT s.*, r.settled, r.outstanding
    FROM (SELECT * FROM splits WHERE creator_id = :user_id AND (CAST(:after AS uuid) IS NULL OR id < :after)
          ORDER BY id DESC LIMIT :most) s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE status = 'settled'), 0)::bigint AS settled,
               coalesce(sum(amount) FILTER (WHERE {_STATUS} = 'pending'), 0)::bigint AS outstanding
        FROM payment_requests WHERE split_id = s.id) r
    ORDER BY s.id DESC
""")


async def insert(tx: Transaction, requests: Sequence[Request]) -> None:
    rows = [_row(request) for request in requests]
    await tx.write(INSERT, dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))


def _row(request: Request) -> tuple[Any, ...]:
    """In the order of _COLUMNS."""
    return (
        request.id,
        request.requester.id,
        request.payer.id,
        request.amount,
        request.currency,
        request.note,
        request.audience,
        request.status,
        request.split_id,
        request.created_at,
        request.expires_at,
    )


async def get(tx: Transaction, request_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(GET, {"id": request_id, "user_id": user_id})).first()


async def lock(tx: Transaction, request_id: UUID, user_id: UUID) -> Any | None:
    """The row, this transaction's until it ends; None when it is not of this person."""
    return (await tx.execute(LOCK, {"id": request_id, "user_id": user_id})).first()


async def lock_between(tx: Transaction, one: UUID, other: UUID, *, now: datetime, most: int) -> Sequence[Any]:
    """Open requests between these two, this transaction's until it ends."""
    return (await tx.execute(LOCK_BETWEEN, {"one": one, "other": other, "now": now, "most": most})).all()


async def end(tx: Transaction, ended: Request) -> None:
    """Keep what became of a pending request; fails when it is pending no more."""
    parameters = {
        "id": ended.id,
        "status": ended.status,
        "transfer_id": ended.transfer_id,
        "ended_at": ended.ended_at,
        "ended_by": ended.ended_by,
    }
    (await tx.execute(END, parameters)).one()


async def remind(tx: Transaction, reminded: Request) -> None:
    """Keep the reminder of a pending request; fails when it is pending no more."""
    parameters = {"id": reminded.id, "reminders": reminded.reminders, "reminded_at": reminded.reminded_at}
    (await tx.execute(REMIND, parameters)).one()


async def expire(tx: Transaction, *, now: datetime, most: int) -> Sequence[Any]:
    """End up to ``most`` overdue requests that nobody is working on; their rows."""
    return (await tx.execute(EXPIRE, {"now": now, "most": most})).all()


async def of_user(
    tx: Transaction,
    user_id: UUID,
    direction: Direction,
    status: RequestStatus | None,
    *,
    page: PageRequest,
    now: datetime,
) -> Sequence[Any]:
    parameters = {"user_id": user_id, "status": status, "after": page.after, "most": page.limit + 1, "now": now}
    return (await tx.execute(LIST[direction], parameters)).all()


async def insert_split(tx: Transaction, split: Split) -> None:
    await tx.write(
        INSERT_SPLIT,
        {
            "id": split.id,
            "creator_id": split.creator.id,
            "total": split.total,
            "own_share": split.own_share,
            "currency": split.currency,
            "method": split.method,
            "note": split.note,
            "created_at": split.created_at,
        },
    )


async def get_split(tx: Transaction, split_id: UUID) -> Any | None:
    return (await tx.execute(GET_SPLIT, {"id": split_id})).first()


async def shared(tx: Transaction, split_id: UUID, user_id: UUID) -> Sequence[Any]:
    """The requests of a split that this person made or is asked to pay, in the order they were named."""
    return (await tx.execute(SHARED, {"split_id": split_id, "user_id": user_id})).all()


async def splits(tx: Transaction, user_id: UUID, *, page: PageRequest, now: datetime) -> Sequence[Any]:
    parameters = {"user_id": user_id, "after": page.after, "most": page.limit + 1, "now": now}
    return (await tx.execute(SPLITS, parameters)).all()
