"""Second factors: which ones a person has, what is kept of them, and recovery codes."""

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.auth.proofs import (
    RECOVERY_CODES,
    Added,
    Factor,
    FactorExists,
    FactorKind,
    FactorNotFound,
    NoSecondFactor,
)
from venmo_api.auth.tokens import Actor
from venmo_api.core.events import FactorChanged
from venmo_api.core.origin import Origin
from venmo_api.outbox import service as outbox

REGISTERED = text("""
    SELECT DISTINCT kind FROM factors WHERE user_id = :user_id AND confirmed_at IS NOT NULL
    UNION ALL
    SELECT 'recovery' WHERE EXISTS (SELECT FROM recovery_codes WHERE user_id = :user_id AND used_at IS NULL)
""")
LIST = text("""
    SELECT id, kind, name, confirmed_at, used_at FROM factors
    WHERE user_id = :user_id AND confirmed_at IS NOT NULL ORDER BY id
""")
ADD_CODES = text("""
    INSERT INTO factors (id, user_id, kind, created_at, confirmed_at, vouches_from)
    VALUES (:id, :user_id, :kind, :now, :now, :vouches_from)
    ON CONFLICT (user_id, kind) WHERE kind <> 'passkey' DO NOTHING RETURNING id
""")
REMOVE = text("DELETE FROM factors WHERE id = :id AND user_id = :user_id AND confirmed_at IS NOT NULL RETURNING kind")
# Whoever adds or removes factors of one person does so one after another: what is left is known for sure.
LOCK_PERSON = text("SELECT FROM users WHERE id = :user_id FOR NO KEY UPDATE")
CODES_LEFT = text("SELECT count(*) FROM recovery_codes WHERE user_id = :user_id AND used_at IS NULL")
KEEP_RECOVERY = text("""
    INSERT INTO recovery_codes (code_hash, user_id) SELECT unnest(CAST(:hashes AS bytea[])), :user_id
""")
FORGET_RECOVERY = text("DELETE FROM recovery_codes WHERE user_id = :user_id")
USE_RECOVERY = text("""
    UPDATE recovery_codes SET used_at = :now WHERE code_hash = :code_hash AND user_id = :user_id AND used_at IS NULL
    RETURNING user_id
""")


# From a device that is trusted, only what was added from such a one is asked for: a thief of the password who adds a
# factor of their own must not lock the owner out.
DEMANDED = text("""
    SELECT DISTINCT kind FROM factors
    WHERE user_id = :user_id AND confirmed_at IS NOT NULL AND (CAST(:new_device AS boolean) OR vouches_from <= :now)
""")
DROP_NEW = text("DELETE FROM factors WHERE user_id = :user_id AND vouches_from > :now RETURNING kind")
VOUCHING = text("SELECT 1 FROM factors WHERE user_id = :user_id AND vouches_from > :now LIMIT 1")


async def registered(tx: Transaction, user_id: UUID) -> list[FactorKind]:
    """By what this person can prove themselves beyond the password; nothing at all when they have no second factor."""
    rows = await tx.execute(REGISTERED, {"user_id": user_id})
    return sorted((FactorKind(row.kind) for row in rows), key=list(FactorKind).index)


async def demanded(tx: Transaction, app: Adapters, actor: Actor) -> list[FactorKind]:
    """By which of them this session must prove its person for what is sensitive; nothing: the password does."""
    asked = {"user_id": actor.user_id, "new_device": actor.device_since is not None, "now": app.clock.now()}
    found = {FactorKind(row.kind) for row in await tx.execute(DEMANDED, asked)}
    if found and await recovery_codes_left(tx, actor.user_id):
        found.add(FactorKind.RECOVERY)
    return sorted(found, key=list(FactorKind).index)


async def vouch(tx: Transaction, app: Adapters, user_id: UUID) -> bool:
    """Whether this person's factors make a device trusted. For a day they do not, when one was added from a device that
    was new itself."""
    return (await tx.execute(VOUCHING, {"user_id": user_id, "now": app.clock.now()})).first() is None


def vouches_from(app: Adapters, actor: Actor) -> datetime:
    """Since when a factor vouches that is added in this session."""
    since = actor.device_since
    return since + timedelta(seconds=app.figures.new_device_seconds) if since else app.clock.now()


async def of_user(tx: Transaction, user_id: UUID) -> list[Factor]:
    rows = await tx.execute(LIST, {"user_id": user_id})
    return [Factor(row.id, FactorKind(row.kind), row.name, row.confirmed_at, row.used_at) for row in rows]


async def lock_person(tx: Transaction, user_id: UUID) -> None:
    """Before factors of theirs are added or removed."""
    await tx.execute(LOCK_PERSON, {"user_id": user_id})


async def add_codes(tx: Transaction, app: Adapters, actor: Actor, kind: FactorKind, *, origin: Origin) -> Added:
    """Take codes sent to a contact as a factor; that it is proved, the caller has seen. Raises FactorExists."""
    await lock_person(tx, actor.user_id)
    factor = Factor(app.new_id(), kind, None, app.wall_clock.now(), None)
    kept = {"id": factor.id, "user_id": actor.user_id, "kind": kind, "now": factor.created_at}
    if (await tx.execute(ADD_CODES, kept | {"vouches_from": vouches_from(app, actor)})).first() is None:
        raise FactorExists
    return await added(tx, app, actor.user_id, factor, origin=origin)


async def added(tx: Transaction, app: Adapters, user_id: UUID, factor: Factor, *, origin: Origin) -> Added:
    """Announce a new factor. Who has no recovery codes gets some: losing the factor must not mean losing the money."""
    await _announce(tx, app, user_id, factor.kind, Act.ADD_FACTOR, origin)
    return Added(factor, [] if await recovery_codes_left(tx, user_id) else await _renew(tx, user_id))


async def remove(tx: Transaction, app: Adapters, user_id: UUID, factor_id: UUID, *, origin: Origin) -> None:
    """Raises FactorNotFound. With the last factor go the recovery codes."""
    await lock_person(tx, user_id)
    removed = (await tx.execute(REMOVE, {"id": factor_id, "user_id": user_id})).first()
    if removed is None:
        raise FactorNotFound
    if not await of_user(tx, user_id):
        await tx.execute(FORGET_RECOVERY, {"user_id": user_id})
    await _announce(tx, app, user_id, FactorKind(removed.kind), Act.REMOVE_FACTOR, origin)


async def drop_new(tx: Transaction, app: Adapters, user_id: UUID) -> None:
    """Remove the factors that do not vouch for devices yet. Who takes an account back from a thief of the password must
    not be asked for the thief's factor."""
    await lock_person(tx, user_id)
    dropped = (await tx.execute(DROP_NEW, {"user_id": user_id, "now": app.clock.now()})).scalars().all()
    if dropped and not await of_user(tx, user_id):
        await tx.execute(FORGET_RECOVERY, {"user_id": user_id})
    for kind in dropped:
        await _announce(tx, app, user_id, FactorKind(kind), Act.REMOVE_FACTOR, None)


async def renew_recovery_codes(tx: Transaction, app: Adapters, user_id: UUID, *, origin: Origin) -> list[str]:
    """A new set; those of before count no more. Raises NoSecondFactor."""
    await lock_person(tx, user_id)
    if not await of_user(tx, user_id):
        raise NoSecondFactor
    await _announce(tx, app, user_id, FactorKind.RECOVERY, Act.RENEW_RECOVERY_CODES, origin)
    return await _renew(tx, user_id)


async def recovery_codes_left(tx: Transaction, user_id: UUID) -> int:
    left: int = (await tx.execute(CODES_LEFT, {"user_id": user_id})).scalar_one()
    return left


async def use_recovery_code(tx: Transaction, user_id: UUID, code: str, *, now: datetime) -> bool:
    """Whether this is one that was not used: it is from now on. Of two at once, one has used it."""
    used = {"user_id": user_id, "code_hash": _recovery_hash(user_id, code), "now": now}
    return (await tx.execute(USE_RECOVERY, used)).first() is not None


async def _renew(tx: Transaction, user_id: UUID) -> list[str]:
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    await tx.execute(FORGET_RECOVERY, {"user_id": user_id})
    await tx.execute(KEEP_RECOVERY, {"user_id": user_id, "hashes": _hashes(user_id, codes)})
    return codes


async def _announce(
    tx: Transaction, app: Adapters, user_id: UUID, kind: FactorKind, act: Act, origin: Origin | None
) -> None:
    await audit.note(tx, app, act, actor=user_id, subject=user_id, origin=origin, details={"factor": kind})
    change = "removed" if act is Act.REMOVE_FACTOR else "added"
    await outbox.emit(tx, [FactorChanged(user_id, kind, change, app.clock.now())], new_id=app.new_id)


def _new_recovery_code() -> str:
    letters = b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def _hashes(user_id: UUID, codes: Sequence[str]) -> list[bytes]:
    return [_recovery_hash(user_id, code) for code in codes]


def _recovery_hash(user_id: UUID, code: str) -> bytes:
    """Without the service's key: recovery codes lie in drawers for years, longer than any key."""
    letters = code.lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(user_id.bytes + letters.encode()).digest()
