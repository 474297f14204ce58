"""SQL of the sandbox."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import PageRequest

AHEAD = text("SELECT ahead_microseconds FROM sandbox_clock")
ENSURE_CLOCK = text("INSERT INTO sandbox_clock (id) VALUES (1) ON CONFLICT DO NOTHING")
LOCK_AHEAD = text("SELECT ahead_microseconds FROM sandbox_clock FOR UPDATE")
SET_AHEAD = text("UPDATE sandbox_clock SET ahead_microseconds = :ahead")
MESSAGES = text("""
    SELECT id, channel, address, text, sent_at FROM sandbox_messages
    WHERE user_id = :user_id AND (CAST(:after AS uuid) IS NULL OR id < :after)
    ORDER BY id DESC LIMIT :most
""")
MESSAGES_TO = text("""
    SELECT id, channel, address, text, sent_at FROM sandbox_messages
    WHERE address = :address AND (CAST(:after AS uuid) IS NULL OR id < :after)
    ORDER BY id DESC LIMIT :most
""")
FORGET_MESSAGES = text("DELETE FROM sandbox_messages WHERE sent_at < :before")


async def ahead(tx: Transaction) -> timedelta:
    return timedelta(microseconds=(await tx.execute(AHEAD)).scalar() or 0)


async def lock_ahead(tx: Transaction) -> timedelta:
    await tx.execute(ENSURE_CLOCK)
    return timedelta(microseconds=(await tx.execute(LOCK_AHEAD)).scalar_one())


async def set_ahead(tx: Transaction, ahead: timedelta) -> None:
    await tx.execute(SET_AHEAD, {"ahead": ahead // timedelta(microseconds=1)})


async def messages(tx: Transaction, user_id: UUID, page: PageRequest) -> Sequence[Any]:
    parameters = {"user_id": user_id, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(MESSAGES, parameters)).all()


async def messages_to(tx: Transaction, address: str, page: PageRequest) -> Sequence[Any]:
    parameters = {"address": address, "after": page.after, "most": page.limit + 1}
    return (await tx.execute(MESSAGES_TO, parameters)).all()


async def forget_messages(tx: Transaction, *, before: datetime) -> int:
    return (await tx.execute(FORGET_MESSAGES, {"before": before})).rowcount
