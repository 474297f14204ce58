"""Passkeys of people: add one, and take its signature under a nonce that was asked for."""

from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.passkeys import BadPasskey
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import factors
from venmo_api.auth.proofs import (
    PASSKEYS_MOST,
    Added,
    Factor,
    FactorExists,
    FactorKind,
    PasskeyRefused,
    TooManyPasskeys,
)
from venmo_api.auth.tokens import Actor
from venmo_api.core.origin import Origin

KNOWN = text("SELECT credential_id FROM factors WHERE user_id = :user_id AND kind = 'passkey'")
ADD = text("""
    INSERT INTO factors (
        id, user_id, kind, name, credential_id, public_key, sign_count, created_at, confirmed_at, vouches_from)
    VALUES (:id, :user_id, 'passkey', :name, :credential_id, :public_key, :sign_count, :now, :now, :vouches_from)
    ON CONFLICT (credential_id) DO NOTHING RETURNING id
""")
LOCK = text("""
    SELECT id, public_key, sign_count FROM factors
    WHERE user_id = :user_id AND credential_id = :credential_id AND kind = 'passkey' FOR UPDATE
""")
USE = text("UPDATE factors SET sign_count = :sign_count, used_at = :now WHERE id = :id")


async def known(tx: Transaction, user_id: UUID) -> list[bytes]:
    """The ids by which this person's authenticators know their keys."""
    return [row.credential_id for row in await tx.execute(KNOWN, {"user_id": user_id})]


async def add(
    tx: Transaction, app: Adapters, actor: Actor, credential: str, *, name: str | None, nonce: bytes, origin: Origin
) -> Added:
    """Keep the key with which an authenticator answered. Raises PasskeyRefused, FactorExists, TooManyPasskeys."""
    try:
        made = app.passkeys.register(credential, nonce=nonce)
    except BadPasskey:
        raise PasskeyRefused from None
    await factors.lock_person(tx, actor.user_id)
    if len(await known(tx, actor.user_id)) >= PASSKEYS_MOST:
        raise TooManyPasskeys
    factor = Factor(app.new_id(), FactorKind.PASSKEY, name, app.wall_clock.now(), None)
    key = {"credential_id": made.credential_id, "public_key": made.public_key, "sign_count": made.sign_count}
    kept = {"id": factor.id, "user_id": actor.user_id, "name": name, "now": factor.created_at}
    vouches = {"vouches_from": factors.vouches_from(app, actor)}
    if (await tx.execute(ADD, kept | key | vouches)).first() is None:
        raise FactorExists
    return await factors.added(tx, app, actor.user_id, factor, origin=origin)


async def take(tx: Transaction, app: Adapters, user_id: UUID, credential: str, *, nonce: bytes) -> bool:
    """Whether this is the answer of one of the person's passkeys to this nonce."""
    found = await tx.execute(LOCK, {"user_id": user_id, "credential_id": app.passkeys.credential_id(credential)})
    row = found.first()
    if row is None:
        return False
    try:
        count = app.passkeys.signed(credential, nonce=nonce, public_key=row.public_key, sign_count=row.sign_count)
    except BadPasskey:
        return False
    await tx.execute(USE, {"id": row.id, "sign_count": count, "now": app.wall_clock.now()})
    return True
