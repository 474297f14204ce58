"""``SignedIn``: the caller of a request, for routers."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from venmo_api.adapters.bundle import Adapters
from venmo_api.auth.rules import NotSignedIn
from venmo_api.auth.tokens import Actor, Verifier


async def signed_in(request: Request) -> Actor:
    """Raises NotSignedIn."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn
    adapters: Adapters = request.app.state.adapters
    verifier: Verifier = request.app.state.verifier
    return verifier.actor(token, now=adapters.wall_clock.now())


def refuse_at_once(request: Request, sessions: Iterable[UUID]) -> None:
    """Let this process refuse the tokens of sessions that were just revoked, without waiting to be told."""
    adapters: Adapters = request.app.state.adapters
    verifier: Verifier = request.app.state.verifier
    verifier.revoke(sessions, at=adapters.wall_clock.now())


signed_in.security = "bearer"  # type: ignore[attr-defined]

SignedIn = Annotated[Actor, Depends(signed_in)]
