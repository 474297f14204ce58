"""Names people are found by. Mail addresses and phone numbers are found by blind index, and sealed under the key of
their person; usernames are public, and stand as they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.keys import Keys, Sealer
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth.rules import Contact, ContactKind
from venmo_api.crypto import service as crypto

PLACE = ("identifiers", "sealed")
# A contact that nobody has proved signs in who claimed it, if only one person did and has no proved one of its kind.
FIND_CREDENTIAL = text("""
    SELECT i.user_id, c.password_hash FROM identifiers i JOIN credentials c ON c.user_id = i.user_id
    WHERE i.kind = :kind AND i.value = ANY(CAST(:values AS text[]))
      AND (i.kind = 'username' OR i.verified_at IS NOT NULL OR NOT EXISTS (
        SELECT FROM identifiers o
        WHERE o.kind = i.kind AND (o.value = ANY(CAST(:values AS text[])) AND o.user_id <> i.user_id
                                   OR o.user_id = i.user_id AND o.verified_at IS NOT NULL)))
""")
FIND_HOLDER = text("""
    SELECT user_id FROM identifiers
    WHERE kind = :kind AND value = ANY(CAST(:values AS text[])) AND (kind = 'username' OR verified_at IS NOT NULL)
""")
INSERT = text("INSERT INTO identifiers (kind, value, sealed, user_id) VALUES (:kind, :value, :sealed, :user_id)")
CONTACTS = text("""
    SELECT i.user_id, i.kind, i.sealed, i.verified_at, k.wrapped_by, k.wrapped
    FROM identifiers i JOIN person_keys k USING (user_id)
    WHERE i.user_id = ANY(CAST(:user_ids AS uuid[])) AND i.kind IN ('email', 'phone') AND i.sealed IS NOT NULL
""")
CLAIM = text("""
    INSERT INTO identifiers (kind, value, sealed, user_id) VALUES (:kind, :value, :sealed, :user_id)
    ON CONFLICT (user_id, kind) WHERE verified_at IS NULL DO UPDATE
    SET value = excluded.value, sealed = excluded.sealed
""")
# By the oldest form, which every process knows: while an index key is exchanged a contact may be written in two forms,
# and no unique index tells that they are the same.
HOLD = text("SELECT pg_advisory_xact_lock(hashtextextended(:kind || ' ' || :oldest, 0))")
DROP_OTHERS = text("""
    DELETE FROM identifiers WHERE kind = :kind AND value = ANY(CAST(:values AS text[])) AND user_id <> :user_id
    RETURNING user_id
""")
DROP_OWN = text("""
    DELETE FROM identifiers WHERE kind = :kind AND value = ANY(CAST(:values AS text[])) AND user_id = :user_id
""")
DROP_PROVED = text("""
    DELETE FROM identifiers WHERE user_id = :user_id AND kind = :kind AND verified_at IS NOT NULL RETURNING sealed
""")
DROP_CLAIM = text("DELETE FROM identifiers WHERE user_id = :user_id AND kind = :kind AND verified_at IS NULL")
INSERT_PROVED = text("""
    INSERT INTO identifiers (kind, value, sealed, user_id, verified_at)
    VALUES (:kind, :value, :sealed, :user_id, :now)
""")


def forms(keys: Keys, kind: str, name: str) -> list[str]:
    """Every form a row may have this name in. Raises KeyAway, but for usernames."""
    return [name] if kind == "username" else keys.indexes(kind, name)


def opened(keys: Keys, row: Any, kind: str, sealed: bytes) -> str:
    """The address in a row that was read with its person's key. Raises KeyAway."""
    return crypto.read(keys, row).unseal(*PLACE, kind, sealed)


async def find_credential(tx: Transaction, app: Adapters, kind: str, name: str) -> Any | None:
    """Who signs in by this name, and their password's hash."""
    return (await tx.execute(FIND_CREDENTIAL, _of(app, kind, name))).first()


async def find_holder(tx: Transaction, app: Adapters, kind: str, name: str) -> UUID | None:
    """Who has this username, or has proved this contact."""
    found: UUID | None = (await tx.execute(FIND_HOLDER, _of(app, kind, name))).scalar()
    return found


async def insert(tx: Transaction, app: Adapters, user_id: UUID, kind: str, name: str) -> None:
    """Raises IntegrityError for a username that somebody has."""
    await tx.execute(INSERT, await _written(tx, app, user_id, kind, name))


async def of(tx: Transaction, app: Adapters, user_ids: Sequence[UUID]) -> list[tuple[UUID, Contact]]:
    """All contacts of these people, proved and claimed."""
    rows = (await tx.execute(CONTACTS, {"user_ids": user_ids})).all()
    return [
        (
            row.user_id,
            Contact(ContactKind(row.kind), opened(app.keys, row, row.kind, row.sealed), row.verified_at is not None),
        )
        for row in rows
    ]


async def claim(tx: Transaction, app: Adapters, user_id: UUID, kind: str, address: str) -> None:
    """Keep that the person says so, instead of what they said before."""
    await tx.execute(CLAIM, await _written(tx, app, user_id, kind, address))


async def hold(tx: Transaction, app: Adapters, kind: str, address: str) -> None:
    """Hold a contact, whoever claims or has proved it: one proof of it at a time."""
    await tx.execute(HOLD, {"kind": kind, "oldest": forms(app.keys, kind, address)[0]})


async def drop_others(tx: Transaction, app: Adapters, user_id: UUID, kind: str, address: str) -> Sequence[UUID]:
    """Take a contact from everybody else; from whom."""
    return (await tx.execute(DROP_OTHERS, _of(app, kind, address) | {"user_id": user_id})).scalars().all()


async def drop_proved(tx: Transaction, app: Adapters, user_id: UUID, kind: str) -> str | None:
    """Take from a person the contact of this kind that they have proved; which it was."""
    sealed: bytes | None = (await tx.execute(DROP_PROVED, {"user_id": user_id, "kind": kind})).scalar()
    if sealed is None:
        return None
    return (await crypto.ensure(tx, app, user_id)).unseal(*PLACE, kind, sealed)


async def drop_claim(tx: Transaction, user_id: UUID, kind: str) -> bool:
    """Whether there was one."""
    return (await tx.execute(DROP_CLAIM, {"user_id": user_id, "kind": kind})).rowcount > 0


async def keep_proved(tx: Transaction, app: Adapters, user_id: UUID, kind: str, address: str, *, now: datetime) -> None:
    await tx.execute(DROP_OWN, _of(app, kind, address) | {"user_id": user_id})
    await tx.execute(INSERT_PROVED, await _written(tx, app, user_id, kind, address) | {"now": now})


def _of(app: Adapters, kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "values": forms(app.keys, kind, name)}


async def _written(tx: Transaction, app: Adapters, user_id: UUID, kind: str, name: str) -> dict[str, Any]:
    """A name as it is stored: one that is not public is sealed, and found by its index."""
    if kind == "username":
        return {"user_id": user_id, "kind": kind, "value": name, "sealed": None}
    sealer: Sealer = await crypto.ensure(tx, app, user_id)
    value, sealed = app.keys.index(kind, name), sealer.seal(*PLACE, kind, name)
    return {"user_id": user_id, "kind": kind, "value": value, "sealed": sealed}
