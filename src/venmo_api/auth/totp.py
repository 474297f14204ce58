"""Codes of authenticator apps (RFC 6238): set up, confirm, take each once."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import pyotp
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import factors
from venmo_api.auth.proofs import Added, Factor, FactorExists, FactorKind, ProofWrong, TotpNotBegun
from venmo_api.auth.tokens import Actor
from venmo_api.core.origin import Origin
from venmo_api.crypto import service as crypto

STEPS_AROUND: Final = 1
"""Codes of the step before and after count too: clocks of phones are off, and typing takes time."""
ISSUER: Final = "venmo-api"
COLUMN: Final = ("factors", "sealed")

FORGET_BEGUN = text("DELETE FROM factors WHERE user_id = :user_id AND kind = 'totp' AND confirmed_at IS NULL")
BEGIN = text("""
    INSERT INTO factors (id, user_id, kind, sealed, created_at) VALUES (:id, :user_id, 'totp', :sealed, :now)
    ON CONFLICT (user_id, kind) WHERE kind <> 'passkey' DO NOTHING RETURNING id
""")
FIND = text("SELECT id, user_id, sealed, confirmed_at FROM factors WHERE user_id = :user_id AND kind = 'totp'")
CONFIRM = text("""
    UPDATE factors SET confirmed_at = :now, vouches_from = :vouches_from, last_step = :step
    WHERE id = :id AND confirmed_at IS NULL
""")
TAKE_STEP = text("""
    UPDATE factors SET last_step = :step, used_at = :now WHERE id = :id AND last_step < :step RETURNING id
""")


async def begin(tx: Transaction, app: Adapters, user_id: UUID) -> str:
    """A new secret, in place of one that was not confirmed. Raises FactorExists."""
    await factors.lock_person(tx, user_id)
    await tx.execute(FORGET_BEGUN, {"user_id": user_id})
    secret, factor_id = pyotp.random_base32(), app.new_id()
    sealed = (await crypto.ensure(tx, app, user_id)).seal(*COLUMN, factor_id, secret)
    kept = {"id": factor_id, "user_id": user_id, "sealed": sealed, "now": app.wall_clock.now()}
    if (await tx.execute(BEGIN, kept)).first() is None:
        raise FactorExists
    return secret


def uri(secret: str, *, account: str) -> str:
    """What the app scans."""
    return pyotp.TOTP(secret, name=account, issuer=ISSUER).provisioning_uri()


async def confirm(tx: Transaction, app: Adapters, actor: Actor, code: str, *, origin: Origin) -> Added:
    """By its first code the app shows that it has the secret: from now on it counts.

    Raises TotpNotBegun, FactorExists, ProofWrong.
    """
    await factors.lock_person(tx, actor.user_id)
    row = (await tx.execute(FIND, {"user_id": actor.user_id})).first()
    if row is None:
        raise TotpNotBegun
    if row.confirmed_at is not None:
        raise FactorExists
    factor = Factor(row.id, FactorKind.TOTP, None, app.wall_clock.now(), None)
    step = await _step_of(tx, app, row, code, now=factor.created_at)
    if step is None:
        raise ProofWrong
    kept = {"id": row.id, "step": step, "now": factor.created_at}
    await tx.execute(CONFIRM, kept | {"vouches_from": factors.vouches_from(app, actor)})
    return await factors.added(tx, app, actor.user_id, factor, origin=origin)


async def take(tx: Transaction, app: Adapters, user_id: UUID, code: str) -> bool:
    """Whether this is a code of the app that was not taken before. Of two at once, one is."""
    row = (await tx.execute(FIND, {"user_id": user_id})).first()
    if row is None or row.confirmed_at is None:
        return False
    now = app.wall_clock.now()
    step = await _step_of(tx, app, row, code, now=now)
    if step is None:
        return False
    return (await tx.execute(TAKE_STEP, {"id": row.id, "step": step, "now": now})).first() is not None


async def _step_of(tx: Transaction, app: Adapters, row: Any, code: str, *, now: datetime) -> int | None:
    """The step whose code this is, of those that count now."""
    key = (await crypto.of(tx, app, [row.user_id])).get(row.user_id)
    if key is None:
        return None
    try:
        generator = pyotp.TOTP(key.unseal(*COLUMN, row.id, row.sealed))
        return generator.verify_and_get_timecode(code, for_time=now, valid_window=STEPS_AROUND)
    except OTPVerificationError:
        return None
