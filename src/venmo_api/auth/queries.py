"""SQL of identity."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction

FIND_CREDENTIAL = text("""
    SELECT i.user_id, c.password_hash FROM identifiers i JOIN credentials c ON c.user_id = i.user_id
    WHERE i.kind = :kind AND i.value = :value
""")
INSERT_IDENTIFIER = text("""
    INSERT INTO identifiers (kind, value, user_id) VALUES (:kind, :value, :user_id)
""")
INSERT_CREDENTIAL = text("INSERT INTO credentials (user_id, password_hash) VALUES (:user_id, :password_hash)")
INSERT_SESSION = text("INSERT INTO sessions (id, user_id, created_at) VALUES (:id, :user_id, :now)")
INSERT_REFRESH = text("""
    INSERT INTO refresh_tokens (token_hash, session_id, expires_at) VALUES (:token_hash, :session_id, :expires_at)
""")
LOCK_REFRESH = text("""
    SELECT r.session_id, r.expires_at, r.used_at, s.user_id, s.revoked_at
    FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id
    WHERE r.token_hash = :token_hash FOR UPDATE
""")
USE_REFRESH = text("UPDATE refresh_tokens SET used_at = :now WHERE token_hash = :token_hash")
REVOKE_SESSION = text("UPDATE sessions SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL")
IDENTIFIERS = text("SELECT kind, value FROM identifiers WHERE user_id = :user_id")


async def find_credential(tx: Transaction, kind: str, value: str) -> Any | None:
    return (await tx.execute(FIND_CREDENTIAL, {"kind": kind, "value": value})).first()


async def insert_identifier(tx: Transaction, kind: str, value: str, user_id: UUID) -> None:
    await tx.execute(INSERT_IDENTIFIER, {"kind": kind, "value": value, "user_id": user_id})


async def insert_credential(tx: Transaction, user_id: UUID, password_hash: str) -> None:
    await tx.execute(INSERT_CREDENTIAL, {"user_id": user_id, "password_hash": password_hash})


async def insert_session(tx: Transaction, session_id: UUID, user_id: UUID, *, now: datetime) -> None:
    await tx.execute(INSERT_SESSION, {"id": session_id, "user_id": user_id, "now": now})


async def insert_refresh(tx: Transaction, token_hash: bytes, session_id: UUID, *, expires_at: datetime) -> None:
    parameters = {"token_hash": token_hash, "session_id": session_id, "expires_at": expires_at}
    await tx.execute(INSERT_REFRESH, parameters)


async def lock_refresh(tx: Transaction, token_hash: bytes) -> Any | None:
    return (await tx.execute(LOCK_REFRESH, {"token_hash": token_hash})).first()


async def use_refresh(tx: Transaction, token_hash: bytes, *, now: datetime) -> None:
    await tx.execute(USE_REFRESH, {"token_hash": token_hash, "now": now})


async def revoke_session(tx: Transaction, session_id: UUID, *, now: datetime) -> None:
    await tx.execute(REVOKE_SESSION, {"id": session_id, "now": now})


async def identifiers(tx: Transaction, user_id: UUID) -> Sequence[Any]:
    return (await tx.execute(IDENTIFIERS, {"user_id": user_id})).all()
