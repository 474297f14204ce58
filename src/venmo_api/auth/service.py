"""Sign in, refresh, sign out; and the identity half of sign-up, called by ``users``."""

from datetime import timedelta
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import queries, tokens
from venmo_api.auth.rules import REFRESH_SECONDS, RefreshRefused, SignInRefused, canonical, identifier_kind
from venmo_api.auth.tokens import Actor, TokenPair


async def sign_in(app: Adapters, *, identifier: str, password: str) -> TokenPair:
    """Tokens for whoever has this identifier and password. Raises SignInRefused, in equal time for unknown names."""
    kind = identifier_kind(identifier)
    try:
        value = canonical(kind, identifier)
    except ValueError:
        value = identifier  # nobody has it
    found = await app.database.read(queries.find_credential, kind, value)
    if not await app.passwords.verify(password, found.password_hash if found else None) or found is None:
        raise SignInRefused
    return await app.database.transact(begin_session, app, found.user_id)


async def begin_session(tx: Transaction, app: Adapters, user_id: UUID) -> TokenPair:
    actor = Actor(user_id, app.new_id())
    await queries.insert_session(tx, actor.session_id, user_id, now=app.wall_clock.now())
    return await _new_pair(tx, app, actor)


async def refresh(tx: Transaction, app: Adapters, refresh_token: str) -> TokenPair | RefreshRefused:
    """A new pair for an unused token. A used one revokes its whole session, which is remembered: hence returned."""
    token_hash = tokens.refresh_hash(refresh_token)
    now = app.wall_clock.now()
    row = await queries.lock_refresh(tx, token_hash)
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return RefreshRefused()
    if row.used_at is not None:
        await queries.revoke_session(tx, row.session_id, now=now)
        return RefreshRefused()
    await queries.use_refresh(tx, token_hash, now=now)
    return await _new_pair(tx, app, Actor(row.user_id, row.session_id))


async def sign_out(tx: Transaction, app: Adapters, actor: Actor) -> None:
    """Revoke the session: its refresh token is refused from now on."""
    await queries.revoke_session(tx, actor.session_id, now=app.wall_clock.now())


async def taken(tx: Transaction, identifiers: dict[str, str]) -> str | None:
    """The kind of the first of these identifiers that somebody has already."""
    for kind, value in identifiers.items():
        if await queries.find_credential(tx, kind, value) is not None:
            return kind
    return None


async def register(tx: Transaction, user_id: UUID, *, identifiers: dict[str, str], password_hash: str) -> None:
    """Give a new person their identifiers (kind to canonical value) and password.

    Raises IntegrityError when one was taken meanwhile: ``transact`` then runs the work again.
    """
    for kind, value in identifiers.items():
        await queries.insert_identifier(tx, kind, value, user_id)
    await queries.insert_credential(tx, user_id, password_hash)


async def _new_pair(tx: Transaction, app: Adapters, actor: Actor) -> TokenPair:
    now = app.wall_clock.now()
    token = tokens.new_refresh_token()
    expires_at = now + timedelta(seconds=REFRESH_SECONDS)
    await queries.insert_refresh(tx, tokens.refresh_hash(token), actor.session_id, expires_at=expires_at)
    return TokenPair(tokens.access_token(app.signer, actor, now=now), token)
