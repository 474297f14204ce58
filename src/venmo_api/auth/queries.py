"""SQL of identity."""

from collections.abc import Sequence
from datetime import datetime, timedelta
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
CONTACTS = text("""
    SELECT user_id, kind, value, verified_at FROM identifiers
    WHERE user_id = ANY(CAST(:user_ids AS uuid[])) AND kind IN ('email', 'phone')
""")
RENEW_CODE = text("""
    INSERT INTO contact_codes AS c (user_id, kind, code_hash, sent_at) VALUES (:user_id, :kind, :code_hash, :now)
    ON CONFLICT (user_id, kind) DO UPDATE
    SET code_hash = excluded.code_hash, sent_at = excluded.sent_at, wrong = 0, codes = c.codes + 1
    WHERE c.sent_at = :seen RETURNING c.user_id
""")
KEEP_FIRST_CODES = text("""
    INSERT INTO contact_codes (user_id, kind, code_hash, sent_at)
    SELECT w.user_id, w.kind, w.code_hash, :now
    FROM unnest(CAST(:user_ids AS uuid[]), CAST(:kinds AS text[]), CAST(:hashes AS bytea[]))
         AS w (user_id, kind, code_hash)
    ON CONFLICT (user_id, kind) DO NOTHING RETURNING user_id, kind
""")
LOCK_CODE = text("""
    SELECT code_hash, sent_at, wrong, codes FROM contact_codes WHERE user_id = :user_id AND kind = :kind FOR UPDATE
""")
COUNT_WRONG = text("UPDATE contact_codes SET wrong = wrong + 1 WHERE user_id = :user_id AND kind = :kind")
FORGET_CODE = text("""
    DELETE FROM contact_codes WHERE user_id = :user_id AND kind = :kind
""")
USE_UP_CODE = text("""
    UPDATE contact_codes
    SET wrong = :wrong, sent_at = CASE WHEN wrong = 0 THEN sent_at - CAST(:by AS interval) ELSE sent_at END
    WHERE user_id = :user_id AND kind = :kind AND code_hash = :code_hash
""")
MARK_VERIFIED = text("UPDATE identifiers SET verified_at = :now WHERE user_id = :user_id AND kind = :kind")


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


async def contacts(tx: Transaction, user_ids: Sequence[UUID]) -> Sequence[Any]:
    return (await tx.execute(CONTACTS, {"user_ids": user_ids})).all()


async def renew_code(
    tx: Transaction, user_id: UUID, kind: str, code_hash: bytes, *, now: datetime, seen: datetime | None
) -> bool:
    """In place of the code sent at ``seen`` (None: there was none). False when another has come since."""
    parameters = {"user_id": user_id, "kind": kind, "code_hash": code_hash, "now": now, "seen": seen}
    return (await tx.execute(RENEW_CODE, parameters)).first() is not None


async def keep_first_codes(
    tx: Transaction, owners: Sequence[tuple[UUID, str]], hashes: Sequence[bytes], *, now: datetime
) -> Sequence[Any]:
    """The owners (user, kind) who had no code yet, and have one now."""
    columns = {"user_ids": [user_id for user_id, _ in owners], "kinds": [kind for _, kind in owners]}
    return (await tx.execute(KEEP_FIRST_CODES, columns | {"hashes": hashes, "now": now})).all()


async def lock_code(tx: Transaction, user_id: UUID, kind: str) -> Any | None:
    return (await tx.execute(LOCK_CODE, {"user_id": user_id, "kind": kind})).first()


async def count_wrong(tx: Transaction, user_id: UUID, kind: str) -> None:
    await tx.execute(COUNT_WRONG, {"user_id": user_id, "kind": kind})


async def forget_code(tx: Transaction, user_id: UUID, kind: str) -> None:
    await tx.execute(FORGET_CODE, {"user_id": user_id, "kind": kind})


async def use_up_code(
    tx: Transaction, user_id: UUID, kind: str, code_hash: bytes, *, wrong: int, by: timedelta
) -> None:
    """Let this code count no more, and date it back ``by`` unless somebody has guessed at it; one that replaced it
    stays as it is."""
    parameters = {"user_id": user_id, "kind": kind, "code_hash": code_hash, "wrong": wrong, "by": by}
    await tx.execute(USE_UP_CODE, parameters)


async def mark_verified(tx: Transaction, user_id: UUID, kind: str, *, now: datetime) -> None:
    await tx.execute(MARK_VERIFIED, {"user_id": user_id, "kind": kind, "now": now})
