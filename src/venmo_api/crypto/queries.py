"""SQL of keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.keys import WrappedKey
from venmo_api.adapters.postgres import Transaction

DATA_KEYS = text("SELECT purpose, number, wrapped, active_at FROM data_keys ORDER BY purpose, number")
INSERT_DATA_KEY = text("""
    INSERT INTO data_keys (purpose, number, wrapped, active_at) VALUES (:purpose, :number, :wrapped, :active_at)
    ON CONFLICT (purpose, number) DO NOTHING
""")
INSERT_PERSON_KEY = text("""
    INSERT INTO person_keys (user_id, wrapped_by, wrapped)
    SELECT id, :wrapped_by, :wrapped FROM users WHERE id = :user_id AND erased_at IS NULL FOR SHARE
    ON CONFLICT (user_id) DO NOTHING
""")
PERSON_KEYS = text("""
    SELECT user_id, wrapped_by, wrapped FROM person_keys WHERE user_id = ANY(CAST(:user_ids AS uuid[]))
""")

# Who wraps a key anew waits for nobody here; who destroys it does.
HOLD_PERSON_KEYS = text("""
    SELECT user_id, wrapped_by, wrapped FROM person_keys WHERE user_id = ANY(CAST(:user_ids AS uuid[]))
    ORDER BY user_id FOR KEY SHARE
""")


async def data_keys(tx: Transaction) -> Sequence[Any]:
    return (await tx.execute(DATA_KEYS)).all()


async def insert_data_key(tx: Transaction, purpose: str, number: int, *, wrapped: bytes, active_at: datetime) -> None:
    """Another process may have made the same one: the first stays."""
    parameters = {"purpose": purpose, "number": number, "wrapped": wrapped, "active_at": active_at}
    await tx.execute(INSERT_DATA_KEY, parameters)


async def insert_person_key(tx: Transaction, user_id: UUID, key: WrappedKey) -> None:
    """Somebody may have made one meanwhile: the first stays. Who was erased gets none."""
    parameters = {"user_id": user_id, "wrapped_by": key.wrapped_by, "wrapped": key.wrapped}
    await tx.execute(INSERT_PERSON_KEY, parameters)


async def person_keys(tx: Transaction, user_ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(PERSON_KEYS, {"user_ids": user_ids})).all()


async def hold_person_keys(tx: Transaction, user_ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(HOLD_PERSON_KEYS, {"user_ids": user_ids})).all()
