"""Sessions: begun, refreshed, listed, named, revoked; and followed, so that each process refuses what was revoked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act, Result
from venmo_api.auth import devices, tokens
from venmo_api.auth.devices import Device
from venmo_api.auth.rules import (
    ACCESS_SECONDS,
    REFRESH_SECONDS,
    RETRY_LASTS,
    RefreshRefused,
    SessionNotFound,
    is_new_device,
)
from venmo_api.auth.tokens import Actor, TokenPair, Verifier
from venmo_api.core import ids
from venmo_api.core.errors import Unavailable
from venmo_api.core.origin import Origin

FOLLOW_SECONDS = 2.0
SKEW_SECONDS = 60
"""How far the clocks of two machines may be apart."""
log = structlog.get_logger()

INSERT = text("""
    INSERT INTO sessions (id, user_id, device_id, created_at, authenticated_at, amr, used_at, agent, network)
    VALUES (:id, :user_id, :device_id, :now, :now, :amr, :now, :agent, :network)
""")
INSERT_REFRESH = text("""
    INSERT INTO refresh_tokens (token_hash, session_id, expires_at) VALUES (:token_hash, :session_id, :expires_at)
""")
# The session's row is locked with it: of a family one member at a time is refreshed.
LOCK_REFRESH = text("""
    SELECT r.token_hash, r.expires_at, r.used_at, s.id AS session_id, s.user_id, s.amr, s.authenticated_at,
           s.revoked_at, s.device_id, d.unproved_since
    FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id JOIN devices d ON d.id = s.device_id
    WHERE r.token_hash = :token_hash FOR UPDATE OF r, s
""")
UNUSED = text("""
    SELECT token_hash FROM refresh_tokens
    WHERE token_hash = ANY(CAST(:hashes AS bytea[])) AND session_id = :session_id AND used_at IS NULL
""")
USE_REFRESH = text("UPDATE refresh_tokens SET used_at = :now WHERE token_hash = :token_hash")
USE_SESSION = text("""
    WITH used AS (
        UPDATE sessions SET used_at = :now, agent = :agent, network = :network WHERE id = :id RETURNING device_id)
    UPDATE devices SET used_at = :now FROM used WHERE id = used.device_id
""")
AUTHENTICATE = text("""
    UPDATE sessions s SET amr = :amr, authenticated_at = :now FROM devices d
    WHERE s.id = :id AND d.id = s.device_id AND s.revoked_at IS NULL
    RETURNING d.unproved_since, d.id AS device_id
""")
# One whose refresh tokens have all run out cannot be used any more.
LIST = text("""
    SELECT s.id, s.created_at, s.authenticated_at, s.used_at, s.agent, s.network, d.name, d.unproved_since
    FROM sessions s JOIN devices d ON d.id = s.device_id
    WHERE s.user_id = :user_id AND s.revoked_at IS NULL AND s.used_at > :since
    ORDER BY s.used_at DESC, s.id DESC LIMIT :most
""")
REVOKE = text("""
    UPDATE sessions SET revoked_at = :now
    WHERE user_id = :user_id AND revoked_at IS NULL
      AND (CAST(:only AS uuid) IS NULL OR id = :only) AND id IS DISTINCT FROM CAST(:kept AS uuid)
    RETURNING id
""")
REVOKED = text("SELECT id, revoked_at FROM sessions WHERE revoked_at > :since")
FORGET_TOKENS = text("""
    DELETE FROM refresh_tokens WHERE token_hash IN (
        SELECT token_hash FROM refresh_tokens WHERE expires_at < :before LIMIT :most)
""")
FORGET_SESSIONS = text("""
    DELETE FROM sessions WHERE id IN (
        SELECT s.id FROM sessions s WHERE s.used_at < :before
            AND NOT EXISTS (SELECT FROM refresh_tokens r WHERE r.session_id = s.id)
        LIMIT :most)
""")
LISTED_MOST = 100


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its owner sees it. ``name`` is that of its device."""

    id: UUID
    name: str
    trusted: bool
    created_at: datetime
    authenticated_at: datetime
    used_at: datetime
    agent: str
    network: str


async def begin(
    tx: Transaction, app: Adapters, user_id: UUID, *, device: Device, amr: Sequence[str], origin: Origin
) -> TokenPair:
    """Sign this person in on a device (``devices.recognise`` or ``devices.add``), who proved themselves by ``amr``."""
    now = app.wall_clock.now()
    actor = Actor(user_id, app.new_id(), tuple(amr), now, _young_since(app, device.unproved_since), device.id)
    parameters = {
        "id": actor.session_id,
        "user_id": user_id,
        "device_id": device.id,
        "now": now,
        "amr": list(amr),
        "agent": origin.agent,
        "network": origin.network,
    }
    await tx.execute(INSERT, parameters)
    token = tokens.new_refresh_token()
    await _keep(tx, token, actor.session_id, now=now)
    return TokenPair(tokens.access_token(app.signer, actor, now=now), token, device.token)


async def refresh(
    tx: Transaction, app: Adapters, refresh_token: str, *, key: str | None, origin: Origin
) -> TokenPair | RefreshRefused:
    """A new pair for an unused token. A used one revokes its whole session, which is remembered: hence returned.

    Who lost the answer gets it again, if they sent an idempotency ``key`` and nobody has used the answer meanwhile.
    """
    now = app.wall_clock.now()
    row = (await tx.execute(LOCK_REFRESH, {"token_hash": tokens.opaque_hash(refresh_token)})).first()
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return RefreshRefused()
    successors = tokens.successors(app.signer, refresh_token, key) if key else [tokens.new_refresh_token()]
    if row.used_at is None:
        [token, *_] = successors
        await tx.execute(USE_REFRESH, {"token_hash": row.token_hash, "now": now})
        await _keep(tx, token, row.session_id, now=now)
    else:
        again = await _unused(tx, successors, row.session_id) if key and now < row.used_at + RETRY_LASTS else None
        if again is None:
            await revoke(tx, app, row.user_id, only=row.session_id)
            details = {"session": ids.encode(ids.SESSION, row.session_id)}
            await audit.note(
                tx, app, Act.REFRESH, subject=row.user_id, result=Result.REUSED, origin=origin, details=details
            )
            return RefreshRefused()
        token = again
    used = {"id": row.session_id, "now": now, "agent": origin.agent, "network": origin.network}
    await tx.execute(USE_SESSION, used)
    since = _young_since(app, row.unproved_since)
    actor = Actor(row.user_id, row.session_id, tuple(row.amr), row.authenticated_at, since, row.device_id)
    return TokenPair(tokens.access_token(app.signer, actor, now=now), token)


async def authenticate(tx: Transaction, app: Adapters, actor: Actor, *, amr: Sequence[str]) -> str:
    """Keep that the person has proved again, by ``amr``, who they are: an access token that says so.

    Raises SessionNotFound when the session was revoked meanwhile."""
    now = app.wall_clock.now()
    parameters = {"id": actor.session_id, "amr": list(amr), "now": now}
    row = (await tx.execute(AUTHENTICATE, parameters)).first()
    if row is None:
        raise SessionNotFound
    since = _young_since(app, row.unproved_since)
    proved = Actor(actor.user_id, actor.session_id, tuple(amr), now, since, row.device_id)
    return tokens.access_token(app.signer, proved, now=now)


async def of(tx: Transaction, app: Adapters, user_id: UUID) -> list[Session]:
    """A person's sessions, the one used last first; the newest hundred."""
    since = app.wall_clock.now() - timedelta(seconds=REFRESH_SECONDS)
    rows = await tx.execute(LIST, {"user_id": user_id, "since": since, "most": LISTED_MOST})
    return [
        Session(
            row.id,
            row.name,
            row.unproved_since is None,
            row.created_at,
            row.authenticated_at,
            row.used_at,
            row.agent,
            row.network,
        )
        for row in rows
    ]


async def name(tx: Transaction, app: Adapters, user_id: UUID, session_id: UUID, called: str) -> Session:
    """Call the device of a session so. Raises SessionNotFound, also for sessions of others."""
    if not await devices.rename(tx, user_id, session_id, called):
        raise SessionNotFound
    found = [session for session in await of(tx, app, user_id) if session.id == session_id]
    if not found:
        raise SessionNotFound
    return found[0]


async def sign_out(tx: Transaction, app: Adapters, actor: Actor, *, origin: Origin) -> list[UUID]:
    """Revoke the session one asks with. Its device stays known."""
    ended = await revoke(tx, app, actor.user_id, only=actor.session_id)
    await audit.note(tx, app, Act.SIGN_OUT, actor=actor.user_id, subject=actor.user_id, origin=origin)
    return ended


async def end(tx: Transaction, app: Adapters, actor: Actor, session_id: UUID, *, origin: Origin) -> list[UUID]:
    """Revoke one session of the actor, whose device is then a stranger, unless it is the one they ask from, or is
    trusted and that one is new.

    Raises SessionNotFound, also for sessions of others and for ended ones.
    """
    ended = await revoke(tx, app, actor.user_id, only=session_id)
    if not ended:
        raise SessionNotFound
    await _estrange(tx, app, actor, ended, origin=origin)
    return ended


async def device_of(app: Adapters, actor: Actor) -> UUID:
    """The device the actor asks from: guesses are counted by it, for of sessions one begins as many as one likes.

    Raises SessionNotFound.
    """
    found = await app.database.read(devices.of_session, actor.session_id)
    if found is None:
        raise SessionNotFound
    return found


async def end_others(tx: Transaction, app: Adapters, actor: Actor, *, origin: Origin) -> list[UUID]:
    """Revoke all sessions of the actor but the one they ask with; other devices are then strangers, as in ``end``."""
    ended = await revoke(tx, app, actor.user_id, kept=actor.session_id)
    await _estrange(tx, app, actor, ended, origin=origin)
    return ended


async def revoke(
    tx: Transaction, app: Adapters, user_id: UUID, *, only: UUID | None = None, kept: UUID | None = None
) -> list[UUID]:
    """Revoke ``only`` this session of the user, or all save the ``kept`` one: which were. Every process refuses their
    tokens within FOLLOW_SECONDS."""
    parameters = {"user_id": user_id, "now": app.wall_clock.now(), "only": only, "kept": kept}
    return list((await tx.execute(REVOKE, parameters)).scalars())


async def forget_old(tx: Transaction, *, before: datetime, most: int) -> int:
    """Drop refresh tokens that ran out before then, and the sessions that have none left, at most so many of each; how
    many. Until it runs out a used token is known, and so is its theft."""
    tokens_gone = (await tx.execute(FORGET_TOKENS, {"before": before, "most": most})).rowcount
    return tokens_gone + (await tx.execute(FORGET_SESSIONS, {"before": before, "most": most})).rowcount


async def _estrange(tx: Transaction, app: Adapters, actor: Actor, ended: Sequence[UUID], *, origin: Origin) -> None:
    await devices.disown_of(tx, ended, kept=actor.session_id, by_new=actor.device_since is not None)
    user_id, details = actor.user_id, {"sessions": len(ended)}
    await audit.note(tx, app, Act.REVOKE_SESSION, actor=user_id, subject=user_id, origin=origin, details=details)


@asynccontextmanager
async def following(app: Adapters, verifier: Verifier, *, every: float = FOLLOW_SECONDS) -> AsyncIterator[None]:
    """Within, ``verifier`` refuses sessions that were revoked, by whichever process, at most ``every`` seconds ago."""
    await _follow_once(app, verifier)
    task = asyncio.create_task(_follow(app, verifier, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(app: Adapters, verifier: Verifier, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await _follow_once(app, verifier)


async def _follow_once(app: Adapters, verifier: Verifier) -> None:
    """What fails is tried again; what was known to be revoked stays so."""
    since = app.wall_clock.now() - timedelta(seconds=ACCESS_SECONDS + SKEW_SECONDS)
    try:
        for session_id, at in await app.database.read(_revoked, since):
            verifier.revoke([session_id], at=at)
        verifier.forget_revoked(before=since)
    except Unavailable:
        log.warning("revocations_unknown")
    except Exception:
        log.exception("revocations_failed")


async def _revoked(tx: Transaction, since: datetime) -> Sequence[Any]:
    return (await tx.execute(REVOKED, {"since": since})).all()


async def _keep(tx: Transaction, token: str, session_id: UUID, *, now: datetime) -> None:
    expires_at = now + timedelta(seconds=REFRESH_SECONDS)
    parameters = {"token_hash": tokens.opaque_hash(token), "session_id": session_id, "expires_at": expires_at}
    await tx.execute(INSERT_REFRESH, parameters)


async def _unused(tx: Transaction, candidates: Sequence[str], session_id: UUID) -> str | None:
    """The one of these tokens that is of this session and was not used."""
    by_hash = {tokens.opaque_hash(token): token for token in candidates}
    found = (await tx.execute(UNUSED, {"hashes": list(by_hash), "session_id": session_id})).scalars().first()
    return None if found is None else by_hash[found]


def _young_since(app: Adapters, unproved_since: datetime | None) -> datetime | None:
    """What an access token says of a device: nothing once it is no longer new."""
    young = is_new_device(unproved_since, at=app.clock.now(), seconds=app.figures.new_device_seconds)
    return unproved_since if young else None
