"""Access tokens (ES256, short) and refresh tokens (opaque, hashed at rest, rotated at every use)."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from venmo_api.adapters.signing import BadToken, Signer
from venmo_api.auth.rules import ACCESS_SECONDS, NotSignedIn
from venmo_api.core import ids


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is calling, from a verified access token.

    ``amr`` is how they proved who they are (RFC 8176), ``authenticated_at`` when they last did. ``device_since`` is
    since when a device is known that no second factor has vouched for; None: one that is trusted. ``device_id``:
    which it is; None in tokens from before that was told.
    """

    user_id: UUID
    session_id: UUID
    amr: tuple[str, ...]
    authenticated_at: datetime
    device_since: datetime | None = None
    device_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TokenPair:
    """``device_token`` only for a device that is new."""

    access_token: str
    refresh_token: str
    device_token: str | None = None
    expires_in: int = ACCESS_SECONDS
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name


def access_token(signer: Signer, actor: Actor, *, now: datetime) -> str:
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "sub": ids.encode(ids.USER, actor.user_id),
        "sid": ids.encode(ids.SESSION, actor.session_id),
        "iat": issued,
        "exp": issued + ACCESS_SECONDS,
        "amr": actor.amr,
        "auth_time": int(actor.authenticated_at.timestamp()),
    }
    if actor.device_since is not None:
        claims["dsi"] = int(actor.device_since.timestamp())
    if actor.device_id is not None:
        claims["did"] = actor.device_id.hex
    return signer.sign(claims)


def new_refresh_token() -> str:
    return "rt_" + secrets.token_urlsafe(32)


def successors(signer: Signer, token: str, key: str) -> list[str]:
    """What a refresh token becomes under an idempotency key, by each signing key, the current one's first: made again
    for who lost the answer, so that nothing in clear has to be kept."""
    digests = signer.keyed_hashes(f"refresh token {token} {key}")
    return ["rt_" + urlsafe_b64encode(digest).rstrip(b"=").decode() for digest in digests]


def new_device_token() -> str:
    return "dt_" + secrets.token_urlsafe(32)


def opaque_hash(token: str) -> bytes:
    """What is stored of a refresh or device token. It has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


class Verifier:
    """Checks access tokens. A signature once checked is remembered, since checking costs more than the rest of a
    request; time, and whether the session was revoked, are judged anew each time."""

    KEPT_MOST = 20_000

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._known: dict[str, tuple[Actor, float]] = {}
        self._revoked: dict[UUID, datetime] = {}

    def actor(self, token: str, *, now: datetime) -> Actor:
        """Raises NotSignedIn for a token this service did not sign, that has run out, or whose session was revoked."""
        known = self._known.get(token)
        if known is None:
            known = self._checked(token)
            if len(self._known) >= self.KEPT_MOST:
                self._known.clear()
            self._known[token] = known
        actor, expires_at = known
        if now.timestamp() >= expires_at or actor.session_id in self._revoked:
            self._known.pop(token, None)
            raise NotSignedIn
        return actor

    def revoke(self, sessions: Iterable[UUID], *, at: datetime) -> None:
        """Refuse the tokens of these sessions from now on."""
        self._revoked.update(dict.fromkeys(sessions, at))

    def forget_revoked(self, *, before: datetime) -> None:
        """Forget sessions that were revoked so long ago that no token of theirs still counts."""
        self._revoked = {session: at for session, at in self._revoked.items() if at >= before}

    def _checked(self, token: str) -> tuple[Actor, float]:
        try:
            claims = self._signer.claims(token)
        except BadToken:
            raise NotSignedIn from None
        user_id = ids.decode(ids.USER, str(claims["sub"]))
        session_id = ids.decode(ids.SESSION, str(claims.get("sid", "")))
        amr = claims.get("amr")
        if user_id is None or session_id is None or not isinstance(amr, list):
            raise NotSignedIn
        since = _moment(claims, "dsi") if "dsi" in claims else None
        device_id = UUID(hex=claims["did"]) if "did" in claims else None
        actor = Actor(user_id, session_id, tuple(amr), _moment(claims, "auth_time"), since, device_id)
        return actor, _moment(claims, "exp").timestamp()


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    """Raises NotSignedIn for what is no moment in seconds."""
    seconds = claims.get(name)
    if not isinstance(seconds, int) or not 0 <= seconds < 2**37:
        raise NotSignedIn
    return datetime.fromtimestamp(seconds, UTC)
