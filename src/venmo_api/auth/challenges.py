"""Challenges: somebody is asked to prove who they are, at a sign-in under a token, at a step-up in their session."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.passkeys import NONCE_BYTES
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import contacts, factors, passkeys, totp
from venmo_api.auth.guesses import TooManyAttempts
from venmo_api.auth.proofs import (
    CHALLENGE_LASTS,
    Challenge,
    ChallengeEnded,
    ContactNotProved,
    FactorKind,
    Proof,
    ProofNotTaken,
    ProofWrong,
    SecondFactorRequired,
    guesses_left,
)
from venmo_api.auth.rules import CodeSentRecently, Contact, ContactKind, message, next_code_at
from venmo_api.auth.tokens import Actor
from venmo_api.core.errors import Unavailable

KEPT: Final = timedelta(days=1)
"""How long a challenge is remembered after its end: so far back codes that were sent count."""

BEGIN = text("""
    INSERT INTO challenges (token_hash, user_id, purpose, expires_at)
    VALUES (:token_hash, :user_id, 'sign_in', :expires_at)
""")
WHOSE = text("SELECT user_id FROM challenges WHERE token_hash = :token_hash AND purpose = 'sign_in'")
# All of the person's, in one order: codes sent for several count together.
LOCK_SIGN_INS = text("""
    SELECT * FROM challenges
    WHERE user_id = (SELECT user_id FROM challenges WHERE token_hash = :token_hash) AND purpose = 'sign_in'
        AND expires_at > :since
    ORDER BY token_hash FOR UPDATE
""")
OF_SESSION = text("""
    INSERT INTO challenges AS c (token_hash, user_id, purpose, expires_at)
    VALUES (:token_hash, :user_id, :purpose, :expires_at)
    ON CONFLICT (token_hash) DO UPDATE SET
        expires_at = CASE WHEN c.expires_at > :now THEN c.expires_at ELSE excluded.expires_at END,
        wrong = CASE WHEN c.expires_at > :now THEN c.wrong ELSE 0 END,
        codes = CASE WHEN c.expires_at > :now THEN c.codes ELSE 0 END,
        code_hash = CASE WHEN c.expires_at > :now THEN c.code_hash END
    RETURNING *
""")
COUNT_WRONG = text("UPDATE challenges SET wrong = wrong + 1 WHERE token_hash = :token_hash")
END = text("DELETE FROM challenges WHERE token_hash = :token_hash")
ASK = text("UPDATE challenges SET nonce = :nonce WHERE token_hash = :token_hash")
KEEP_CODE = text("""
    UPDATE challenges SET code_kind = :kind, code_hash = :code_hash, code_sent_at = :now, codes = codes + 1
    WHERE token_hash = :token_hash
""")
NOT_SENT = text("""
    UPDATE challenges SET code_hash = NULL, code_sent_at = NULL
    WHERE token_hash = :token_hash AND code_hash = :code_hash
""")
DROP = text("UPDATE challenges SET expires_at = least(expires_at, :now), code_hash = NULL WHERE user_id = :user_id")
FORGET_OLD = text("DELETE FROM challenges WHERE expires_at <= :until")

Find = Callable[[Transaction], Awaitable[Challenge]]
"""Finds and locks a challenge; raises when it bears no more."""


async def begin(tx: Transaction, app: Adapters, user_id: UUID) -> SecondFactorRequired:
    """Ask somebody whose password was right for a second factor. To be returned, so that the challenge is kept."""
    token = "ch_" + secrets.token_urlsafe(32)
    expires_at = app.wall_clock.now() + CHALLENGE_LASTS
    await tx.execute(BEGIN, {"token_hash": _hash(token), "user_id": user_id, "expires_at": expires_at})
    return SecondFactorRequired(token, await factors.registered(tx, user_id))


async def whose(tx: Transaction, token: str) -> UUID:
    """Raises ChallengeEnded."""
    user_id: UUID | None = (await tx.execute(WHOSE, {"token_hash": _hash(token)})).scalar()
    if user_id is None:
        raise ChallengeEnded
    return user_id


async def of_sign_in(tx: Transaction, app: Adapters, token: str) -> Challenge:
    """The challenge of this token. Raises ChallengeEnded."""
    now, token_hash = app.wall_clock.now(), _hash(token)
    rows = (await tx.execute(LOCK_SIGN_INS, {"token_hash": token_hash, "since": now - KEPT})).all()
    asked = next((_challenge(row) for row in rows if row.token_hash == token_hash), None)
    if asked is None or asked.expires_at <= now or not guesses_left(asked.wrong):
        raise ChallengeEnded
    sent = [row.code_sent_at for row in rows if row.code_sent_at is not None]
    return replace(asked, codes=sum(row.codes for row in rows), code_sent_at=max(sent, default=None))


async def of_session(tx: Transaction, app: Adapters, actor: Actor, *, purpose: str) -> Challenge:
    """The challenge of this session, begun if there is none. Raises TooManyAttempts."""
    now = app.wall_clock.now()
    own = {"token_hash": _hash(f"{purpose} {actor.session_id}"), "user_id": actor.user_id, "purpose": purpose}
    row = (await tx.execute(OF_SESSION, own | {"expires_at": now + CHALLENGE_LASTS, "now": now})).one()
    if not guesses_left(row.wrong):
        raise TooManyAttempts(row.expires_at - now)
    return _challenge(row)


async def send_code(app: Adapters, find: Find, kind: ContactKind) -> datetime:
    """Send a one-time code to a contact that its owner registered as a factor; when it runs out.

    Raises ProofNotTaken, ContactNotProved, CodeSentRecently, Unavailable, and what ``find`` raises.
    """
    challenge, contact, digits = await app.database.transact(_keep_code, app, find, kind)
    try:
        await app.messenger.send(challenge.user_id, kind.value, contact.address, message(digits))
    except Unavailable:
        await app.database.transact(_not_sent, challenge)  # nobody has it: they need not wait before asking again
        raise
    return challenge.expires_at


async def ask_passkey(tx: Transaction, app: Adapters, challenge: Challenge) -> dict[str, Any]:
    """What a browser is to ask the person's passkeys. Raises ProofNotTaken."""
    known = await passkeys.known(tx, challenge.user_id)
    if not known:
        raise ProofNotTaken(await factors.registered(tx, challenge.user_id))
    return app.passkeys.ask_to_sign(known=known, nonce=await new_nonce(tx, challenge))


async def new_nonce(tx: Transaction, challenge: Challenge) -> bytes:
    """What a passkey is to sign next, in place of what it was to sign before."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    await tx.execute(ASK, {"token_hash": challenge.token_hash, "nonce": nonce})
    return nonce


async def meet(tx: Transaction, app: Adapters, challenge: Challenge, proof: Proof) -> ProofWrong | None:
    """Take a proof: a challenge is met once, by a proof that is used once.

    Why not, otherwise: returned, since a wrong proof counts. Raises ProofNotTaken.
    """
    ways = await factors.registered(tx, challenge.user_id)
    if proof.kind not in ways:
        raise ProofNotTaken(ways)
    if await _is_right(tx, app, challenge, proof):
        await end(tx, challenge)
        return None
    await count_wrong(tx, challenge)
    return ProofWrong(guesses_left(challenge.wrong + 1))


async def count_wrong(tx: Transaction, challenge: Challenge) -> None:
    await tx.execute(COUNT_WRONG, {"token_hash": challenge.token_hash})


async def end(tx: Transaction, challenge: Challenge) -> None:
    await tx.execute(END, {"token_hash": challenge.token_hash})


async def drop(tx: Transaction, user_id: UUID, *, now: datetime) -> None:
    """End all that this person is asked to prove; what was sent and guessed meanwhile still counts."""
    await tx.execute(DROP, {"user_id": user_id, "now": now})


async def forget_old(tx: Transaction, *, now: datetime) -> int:
    """Forget challenges that ended long ago; how many."""
    return (await tx.execute(FORGET_OLD, {"until": now - KEPT})).rowcount


async def _is_right(tx: Transaction, app: Adapters, challenge: Challenge, proof: Proof) -> bool:
    user_id = challenge.user_id
    match proof.kind:
        case FactorKind.TOTP:
            return await totp.take(tx, app, user_id, proof.code)
        case FactorKind.RECOVERY:
            now = app.wall_clock.now()
            return await factors.use_recovery_code(tx, user_id, proof.code, now=now)
        case FactorKind.PASSKEY:
            nonce = challenge.nonce
            await tx.execute(ASK, {"token_hash": challenge.token_hash, "nonce": None})
            return nonce is not None and await passkeys.take(tx, app, user_id, proof.credential, nonce=nonce)
        case FactorKind.EMAIL | FactorKind.PHONE:
            if challenge.code_hash is None or challenge.code_kind != proof.kind:
                return False
            return app.signer.is_keyed_hash(_sent(challenge, proof.code), challenge.code_hash)


async def _keep_code(tx: Transaction, app: Adapters, find: Find, kind: ContactKind) -> tuple[Challenge, Contact, str]:
    challenge, now = await find(tx), app.wall_clock.now()
    ways = await factors.registered(tx, challenge.user_id)
    if FactorKind(kind) not in ways:
        raise ProofNotTaken(ways)
    contact = (await contacts.of(tx, app, challenge.user_id)).get(kind)
    if contact is None or not contact.verified:
        raise ContactNotProved
    if challenge.code_sent_at and (may_at := next_code_at(challenge.code_sent_at, challenge.codes)) > now:
        raise CodeSentRecently(may_at - now)
    digits = f"{secrets.randbelow(10**6):06d}"
    code_hash = app.signer.keyed_hash(_sent(challenge, digits))
    kept = {"token_hash": challenge.token_hash, "kind": kind, "code_hash": code_hash, "now": now}
    await tx.execute(KEEP_CODE, kept)
    return replace(challenge, code_hash=code_hash), contact, digits


async def _not_sent(tx: Transaction, challenge: Challenge) -> None:
    await tx.execute(NOT_SENT, {"token_hash": challenge.token_hash, "code_hash": challenge.code_hash})


def _challenge(row: Any) -> Challenge:
    return Challenge(**{field.name: getattr(row, field.name) for field in fields(Challenge)})


def _sent(challenge: Challenge, digits: str) -> str:
    return f"challenge code {challenge.token_hash.hex()} {digits}"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
