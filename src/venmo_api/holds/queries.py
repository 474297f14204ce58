"""SQL of authorisations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest
from venmo_api.holds.rules import Direction, Hold

_COLUMNS = (
    "id", "payer_id", "payee_id", "amount", "captured", "currency", "note", "audience", "status", "created_at",
    "expires_at",
)  # fmt: skip
INSERT = text(f"INSERT INTO holds ({', '.join(_COLUMNS)}) VALUES (:{', :'.join(_COLUMNS)})")
# Locked before the accounts, always: so two steps of a hold never wait for each other in a circle.
LOCK = text("SELECT * FROM holds WHERE id = :id AND (payer_id = :user_id OR payee_id = :user_id) FOR UPDATE")
LOCK_OVERDUE = text("""
    SELECT * FROM holds WHERE id = :id AND status = 'held' AND expires_at <= :now FOR UPDATE SKIP LOCKED
""")
UPDATE = text("""
    UPDATE holds SET captured = :captured, status = :status, ended_at = :ended_at WHERE id = :id AND status = 'held'
""")
OVERDUE = text("""
    SELECT id, expires_at FROM holds
    WHERE status = 'held' AND expires_at <= :now AND (expires_at, id) > (:since, :after)
    ORDER BY expires_at, id LIMIT :most
""")
GET = text("SELECT * FROM holds WHERE id = :id AND (payer_id = :user_id OR payee_id = :user_id)")
_SIDE = """(SELECT * FROM holds WHERE {side} = :user_id AND (CAST(:after AS uuid) IS NULL OR id < :after)
            ORDER BY id DESC LIMIT :most)"""
_OUTGOING, _INCOMING = _SIDE.format(side="payer_id"), _SIDE.format(side="payee_id")
LIST = {
    Direction.OUTGOING: text(_OUTGOING),
    Direction.INCOMING: text(_INCOMING),
    Direction.ALL: text(f"{_OUTGOING} UNION ALL {_INCOMING} ORDER BY id DESC LIMIT :most"),
}


async def insert(tx: Transaction, hold: Hold) -> None:
    await tx.write(
        INSERT,
        {
            "id": hold.id,
            "payer_id": hold.payer.id,
            "payee_id": hold.payee.id,
            "amount": hold.amount,
            "captured": hold.captured,
            "currency": hold.currency,
            "note": hold.note,
            "audience": hold.audience,
            "status": hold.status,
            "created_at": hold.created_at,
            "expires_at": hold.expires_at,
        },
    )


async def lock(tx: Transaction, hold_id: UUID, user_id: UUID) -> Any | None:
    """A hold of which ``user_id`` is a party, this transaction's until it ends."""
    return (await tx.execute(LOCK, {"id": hold_id, "user_id": user_id})).first()


async def lock_overdue(tx: Transaction, hold_id: UUID, *, now: datetime) -> Any | None:
    """None when it is not overdue, or somebody else has it just now."""
    return (await tx.execute(LOCK_OVERDUE, {"id": hold_id, "now": now})).first()


async def update(tx: Transaction, hold: Hold) -> None:
    """Keep what a step made of a hold that was held."""
    parameters = {"id": hold.id, "captured": hold.captured, "status": hold.status, "ended_at": hold.ended_at}
    await tx.write(UPDATE, parameters)


async def overdue(tx: Transaction, *, now: datetime, after: tuple[datetime, UUID], most: int) -> Sequence[Any]:
    """What ran out after this one (moment, id), oldest first."""
    parameters = {"now": now, "since": after[0], "after": after[1], "most": most}
    return (await tx.execute(OVERDUE, parameters)).all()


async def get(tx: Transaction, hold_id: UUID, user_id: UUID) -> Any | None:
    return (await tx.execute(GET, {"id": hold_id, "user_id": user_id})).first()


async def of_user(tx: Transaction, user_id: UUID, direction: Direction, page: PageRequest) -> Sequence[Any]:
    parameters = {"user_id": user_id, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(LIST[direction], parameters)).all()
