"""Access tokens (ES256, short) and refresh tokens (opaque, hashed at rest, rotated at every use)."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from venmo_api.adapters.signing import BadToken, Signer
from venmo_api.auth.rules import ACCESS_SECONDS, NotSignedIn
from venmo_api.core import ids


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is calling, from a verified access token."""

    user_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int = ACCESS_SECONDS
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name


def access_token(signer: Signer, actor: Actor, *, now: datetime) -> str:
    issued = int(now.timestamp())
    return signer.sign(
        {
            "sub": ids.encode(ids.USER, actor.user_id),
            "sid": ids.encode(ids.SESSION, actor.session_id),
            "iat": issued,
            "exp": issued + ACCESS_SECONDS,
        }
    )


def new_refresh_token() -> str:
    return "rt_" + secrets.token_urlsafe(32)


def refresh_hash(token: str) -> bytes:
    """What is stored. The token has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


class Verifier:
    """Checks access tokens. A signature once checked is remembered, since checking costs more than the rest of a
    request; time is judged anew each time."""

    KEPT_MOST = 20_000

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._known: dict[str, tuple[Actor, float]] = {}

    def actor(self, token: str, *, now: datetime) -> Actor:
        """Raises NotSignedIn for a token this service did not sign, or that has run out."""
        known = self._known.get(token)
        if known is None:
            known = self._checked(token)
            if len(self._known) >= self.KEPT_MOST:
                self._known.clear()
            self._known[token] = known
        actor, expires_at = known
        if now.timestamp() >= expires_at:
            self._known.pop(token, None)
            raise NotSignedIn
        return actor

    def _checked(self, token: str) -> tuple[Actor, float]:
        try:
            claims = self._signer.claims(token)
        except BadToken:
            raise NotSignedIn from None
        user_id = ids.decode(ids.USER, str(claims["sub"]))
        session_id = ids.decode(ids.SESSION, str(claims.get("sid", "")))
        if user_id is None or session_id is None or not isinstance(claims["exp"], int):
            raise NotSignedIn
        return Actor(user_id, session_id), float(claims["exp"])
