"""SQL of identity."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction

INSERT_CREDENTIAL = text("INSERT INTO credentials (user_id, password_hash) VALUES (:user_id, :password_hash)")
USERNAME = text("SELECT value FROM identifiers WHERE user_id = :user_id AND kind = 'username'")
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
    SELECT user_id, kind, code_hash, sent_at, wrong, codes FROM contact_codes
    WHERE user_id = :user_id AND kind = :kind FOR UPDATE
""")
COUNT_WRONG = text("UPDATE contact_codes SET wrong = wrong + 1 WHERE user_id = :user_id AND kind = :kind")
USE_UP_CODE = text("""
    UPDATE contact_codes
    SET wrong = :wrong, sent_at = CASE WHEN wrong = 0 THEN sent_at - CAST(:by AS interval) ELSE sent_at END
    WHERE user_id = :user_id AND kind = :kind AND code_hash = :code_hash
""")
FORGET_CODES = text("DELETE FROM contact_codes WHERE user_id = ANY(CAST(:user_ids AS uuid[])) AND kind = :kind")
FORGET_OLD_CODES = text("DELETE FROM contact_codes WHERE sent_at < :before")
KEEP_CHANGE = text("""
    INSERT INTO contact_changes (id, user_id, kind, sealed, changed_at)
    VALUES (:id, :user_id, :kind, :sealed, :now)
""")
GET_CHANGE = text("SELECT id, user_id, kind, sealed FROM contact_changes WHERE id = :id")
TAKE_CHANGE = text("""
    DELETE FROM contact_changes WHERE id = :id AND changed_at > :since RETURNING id, user_id, kind, sealed, changed_at
""")
FORGET_LATER_CHANGES = text("""
    DELETE FROM contact_changes WHERE user_id = :user_id AND kind = :kind AND changed_at > :after
""")
FORGET_CHANGES = text("DELETE FROM contact_changes WHERE changed_at < :before")
PASSWORD_HASH = text("SELECT password_hash FROM credentials WHERE user_id = :user_id")
HOLD_PASSWORD = text("""
    SELECT user_id FROM credentials WHERE user_id = :user_id AND password_hash = :password_hash FOR SHARE
""")
REPLACE_PASSWORD = text("""
    UPDATE credentials SET password_hash = :password_hash
    WHERE user_id = :user_id AND (CAST(:seen AS text) IS NULL OR password_hash = :seen)
""")


async def insert_credential(tx: Transaction, user_id: UUID, password_hash: str) -> None:
    await tx.execute(INSERT_CREDENTIAL, {"user_id": user_id, "password_hash": password_hash})


async def username(tx: Transaction, user_id: UUID) -> str:
    found: str = (await tx.execute(USERNAME, {"user_id": user_id})).scalar_one()
    return found


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


async def use_up_code(
    tx: Transaction, user_id: UUID, kind: str, code_hash: bytes, *, wrong: int, by: timedelta
) -> None:
    """Let this code count no more, and date it back ``by`` unless somebody has guessed at it; one that replaced it
    stays as it is."""
    parameters = {"user_id": user_id, "kind": kind, "code_hash": code_hash, "wrong": wrong, "by": by}
    await tx.execute(USE_UP_CODE, parameters)


async def forget_codes(tx: Transaction, user_ids: Sequence[UUID], kind: str) -> None:
    await tx.execute(FORGET_CODES, {"user_ids": user_ids, "kind": kind})


async def forget_old_codes(tx: Transaction, *, before: datetime) -> int:
    return (await tx.execute(FORGET_OLD_CODES, {"before": before})).rowcount


async def keep_change(
    tx: Transaction, change_id: UUID, user_id: UUID, kind: str, sealed: bytes, *, now: datetime
) -> None:
    kept = {"id": change_id, "user_id": user_id, "kind": kind, "sealed": sealed, "now": now}
    await tx.execute(KEEP_CHANGE, kept)


async def get_change(tx: Transaction, change_id: UUID) -> Any | None:
    return (await tx.execute(GET_CHANGE, {"id": change_id})).first()


async def take_change(tx: Transaction, change_id: UUID, *, since: datetime) -> Any | None:
    """A change of after ``since``, once: it is forgotten, and so are all later ones of the same kind of contact."""
    row = (await tx.execute(TAKE_CHANGE, {"id": change_id, "since": since})).first()
    if row is not None:
        later = {"user_id": row.user_id, "kind": row.kind, "after": row.changed_at}
        await tx.execute(FORGET_LATER_CHANGES, later)
    return row


async def forget_changes(tx: Transaction, *, before: datetime) -> int:
    return (await tx.execute(FORGET_CHANGES, {"before": before})).rowcount


async def password_hash(tx: Transaction, user_id: UUID) -> str | None:
    found: str | None = (await tx.execute(PASSWORD_HASH, {"user_id": user_id})).scalar()
    return found


async def hold_password(tx: Transaction, user_id: UUID, password_hash: str) -> bool:
    """Whether this is still the password, until the transaction ends."""
    parameters = {"user_id": user_id, "password_hash": password_hash}
    return (await tx.execute(HOLD_PASSWORD, parameters)).first() is not None


async def replace_password(tx: Transaction, user_id: UUID, password_hash: str, *, seen: str | None = None) -> bool:
    """Whether it was replaced: not when it is no longer the one that was ``seen``."""
    parameters = {"user_id": user_id, "password_hash": password_hash, "seen": seen}
    return (await tx.execute(REPLACE_PASSWORD, parameters)).rowcount > 0
