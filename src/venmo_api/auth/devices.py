"""Devices: where people sign in from. A token that only the device holds tells one again."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import tokens
from venmo_api.core.events import DeviceAdded
from venmo_api.core.origin import Origin
from venmo_api.outbox import service as outbox

FIND = text("""
    UPDATE devices SET used_at = :now WHERE token_hash = :token_hash AND user_id = :user_id
    RETURNING id, unproved_since
""")
KNOWN = text("SELECT id FROM devices WHERE token_hash = :token_hash AND user_id = :user_id")
INSERT = text("""
    INSERT INTO devices (id, user_id, token_hash, name, created_at, used_at, unproved_since)
    VALUES (:id, :user_id, :token_hash, :name, :now, :now, :unproved_since)
""")
PROVE = text("""
    UPDATE devices d SET unproved_since = NULL FROM sessions s WHERE s.device_id = d.id AND s.id = :session_id
""")
RENAME = text("""
    UPDATE devices d SET name = :name FROM sessions s
    WHERE s.device_id = d.id AND s.id = :session_id AND s.user_id = :user_id AND s.revoked_at IS NULL
""")
# A hash that no token has; and the name, which nobody sees any more, goes.
DISOWN = text("""
    UPDATE devices SET token_hash = sha256(:salt || uuid_send(id)), name = 'unknown' WHERE user_id = :user_id
""")
DISOWN_OF = text("""
    UPDATE devices SET token_hash = sha256(:salt || uuid_send(id)), name = 'unknown'
    WHERE id IN (SELECT device_id FROM sessions WHERE id = ANY(CAST(:sessions AS uuid[])))
      AND id <> (SELECT device_id FROM sessions WHERE id = :kept)
      AND (unproved_since IS NOT NULL OR NOT CAST(:by_new AS boolean))
""")
OF_SESSION = text("SELECT device_id FROM sessions WHERE id = :session_id")
WHENCE = text("""
    SELECT DISTINCT ON (d.id) d.user_id, d.name, s.network FROM devices d JOIN sessions s ON s.device_id = d.id
    WHERE d.id = ANY(CAST(:ids AS uuid[])) ORDER BY d.id, s.created_at
""")
# A device is known as long as it is used; one that still has a session keeps it.
FORGET = text("""
    DELETE FROM devices WHERE id IN (
        SELECT d.id FROM devices d WHERE d.used_at < :before
            AND NOT EXISTS (SELECT FROM sessions s WHERE s.device_id = d.id)
        LIMIT :most)
""")


@dataclass(frozen=True, slots=True)
class Device:
    """``unproved_since``: since when it is known without a second factor having vouched for it; None: it is trusted.
    ``token`` only when it is new: nowhere else does it stand in clear."""

    id: UUID
    unproved_since: datetime | None
    token: str | None = None


async def known(tx: Transaction, user_id: UUID | None, token: str | None) -> UUID | None:
    """Which of this person's devices has this token, if any: before a password is right, so nothing is written."""
    if token is None:
        return None
    found: UUID | None = (
        await tx.execute(KNOWN, {"user_id": user_id, "token_hash": tokens.opaque_hash(token)})
    ).scalar()
    return found


async def recognise(tx: Transaction, app: Adapters, user_id: UUID, token: str | None) -> Device | None:
    """This person's device with this token; None when it is unknown."""
    if token is None:
        return None
    parameters = {"user_id": user_id, "token_hash": tokens.opaque_hash(token), "now": app.wall_clock.now()}
    row = (await tx.execute(FIND, parameters)).first()
    return Device(row.id, row.unproved_since) if row else None


async def add(tx: Transaction, app: Adapters, user_id: UUID, *, origin: Origin, proved: bool) -> Device:
    """A new device, trusted at once when it was ``proved``: by sign-up or a second factor. Of any other its owner is
    told, and it may send little until it is no longer new."""
    device = Device(app.new_id(), None if proved else app.clock.now(), tokens.new_device_token())
    assert device.token is not None
    parameters = {
        "id": device.id,
        "user_id": user_id,
        "token_hash": tokens.opaque_hash(device.token),
        "name": origin.agent,
        "now": app.wall_clock.now(),
        "unproved_since": device.unproved_since,
    }
    await tx.execute(INSERT, parameters)
    if device.unproved_since is not None:
        await outbox.emit(tx, [DeviceAdded(user_id, device.id, device.unproved_since)], new_id=app.new_id)
    return device


async def prove(tx: Transaction, session_id: UUID) -> None:
    """Trust the device of this session: its holder has shown a second factor."""
    await tx.execute(PROVE, {"session_id": session_id})


async def rename(tx: Transaction, user_id: UUID, session_id: UUID, name: str) -> bool:
    """Name the device of one of the user's sessions; whether there is such a session."""
    parameters = {"user_id": user_id, "session_id": session_id, "name": name}
    return (await tx.execute(RENAME, parameters)).rowcount > 0


async def disown(tx: Transaction, user_id: UUID) -> None:
    """Know none of this person's devices any more."""
    await tx.execute(DISOWN, {"user_id": user_id, "salt": secrets.token_bytes(32)})


async def disown_of(tx: Transaction, ended: Sequence[UUID], *, kept: UUID, by_new: bool) -> None:
    """Know the devices of these sessions no more, save that of the ``kept`` one; ``by_new``: and save those that are
    trusted. A thief of the password must not make strangers of the devices by which its owner throws them out."""
    asked = {"sessions": list(ended), "kept": kept, "by_new": by_new, "salt": secrets.token_bytes(32)}
    await tx.execute(DISOWN_OF, asked)


async def of_session(tx: Transaction, session_id: UUID) -> UUID | None:
    """The device of a session; None when the session is forgotten."""
    found: UUID | None = (await tx.execute(OF_SESSION, {"session_id": session_id})).scalar()
    return found


async def whence(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Any]:
    """Of each device that has a session: whose it is, its name, and the network it was first used from."""
    return (await tx.execute(WHENCE, {"ids": list(ids)})).all()


async def forget(tx: Transaction, *, before: datetime, most: int) -> int:
    """Forget devices that have not been used since, at most so many; how many."""
    return (await tx.execute(FORGET, {"before": before, "most": most})).rowcount
