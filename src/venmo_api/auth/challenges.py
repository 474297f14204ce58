"""Challenges: somebody is asked to prove who they are, at sign-in by a token, at a step-up within their session."""

import hashlib
import secrets
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import factors
from venmo_api.auth.proofs import CHALLENGE_LASTS, SecondFactorRequired

INSERT = text("""
    INSERT INTO challenges (token_hash, user_id, purpose, expires_at)
    VALUES (:token_hash, :user_id, :purpose, :expires_at)
""")


async def begin(tx: Transaction, app: Adapters, user_id: UUID) -> SecondFactorRequired:
    """Ask somebody whose password was right for a second factor. To be returned, so that the challenge is kept."""
    token = "ch_" + secrets.token_urlsafe(32)
    kept = {"token_hash": _hash(token), "user_id": user_id, "purpose": "sign_in"}
    await tx.execute(INSERT, kept | {"expires_at": app.wall_clock.now() + CHALLENGE_LASTS})
    return SecondFactorRequired(token, await factors.registered(tx, user_id))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
