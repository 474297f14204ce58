"""What staff look at and end, each noted in the audit trail before it is answered; and who is staff."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.admin import queries
from venmo_api.admin.rules import Reason, Role, StaffUnknown
from venmo_api.audit import service as audit
from venmo_api.audit.rules import OF_CASES, Act, Details, Entry
from venmo_api.auth import sessions
from venmo_api.auth.sessions import Session
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest
from venmo_api.transfers import service as transfers
from venmo_api.transfers.rules import Transfer
from venmo_api.users import service as users
from venmo_api.users.rules import Card, Profile


async def people(
    tx: Transaction, app: Adapters, prefix: str, page: PageRequest, *, actor: UUID, origin: Origin
) -> Page[Card]:
    """The cards of people whose name begins so. What was searched for is not noted: it may be somebody's name."""
    await audit.note(tx, app, Act.SEARCH_PEOPLE, actor=actor, origin=origin)
    return await users.search(tx, None, prefix, page)


async def person(
    tx: Transaction, app: Adapters, user_id: UUID, *, actor: UUID, origin: Origin, reason: Reason, role: Role
) -> Profile:
    """Somebody's profile, for who has ``role``. Raises UserNotFound."""
    details = {"reason": reason, "role": role}
    await audit.note(tx, app, Act.READ_PERSON, actor=actor, subject=user_id, origin=origin, details=details)
    return await users.profile(tx, app, user_id)


async def transfers_of(
    tx: Transaction,
    app: Adapters,
    user_id: UUID,
    page: PageRequest,
    *,
    actor: UUID,
    origin: Origin,
    reason: Reason | None,
) -> Page[Transfer]:
    """What somebody sent and received, newest first. Raises UserNotFound."""
    await users.card(tx, user_id)
    details = {"reason": reason} if reason else {}
    await audit.note(tx, app, Act.READ_TRANSFERS, actor=actor, subject=user_id, origin=origin, details=details)
    return await transfers.of_user(tx, app, user_id, page)


async def sessions_of(tx: Transaction, app: Adapters, user_id: UUID, *, actor: UUID, origin: Origin) -> list[Session]:
    """Where somebody is signed in. Raises UserNotFound."""
    await users.card(tx, user_id)
    await audit.note(tx, app, Act.READ_SESSIONS, actor=actor, subject=user_id, origin=origin)
    return await sessions.of(tx, app, user_id)


async def sign_out(
    tx: Transaction, app: Adapters, user_id: UUID, *, actor: UUID, origin: Origin, reason: Reason
) -> list[UUID]:
    """End every session of somebody; which those were. Raises UserNotFound."""
    await users.card(tx, user_id)
    ended = await sessions.revoke(tx, app, user_id)
    details: Details = {"reason": reason, "sessions": len(ended)}
    await audit.note(tx, app, Act.REVOKE_SESSION, actor=actor, subject=user_id, origin=origin, details=details)
    return ended


async def trail(
    tx: Transaction,
    app: Adapters,
    page: PageRequest,
    *,
    actor: UUID,
    origin: Origin,
    of_subject: UUID | None,
    of_actor: UUID | None,
    roles: Collection[Role],
) -> Page[Entry]:
    """The audit trail, newest first, as far as ``roles`` let one see; the reading itself is noted after what it
    reads."""
    hidden = () if Role.ANALYST in roles else OF_CASES
    found = await audit.entries(tx, page, subject=of_subject, actor=of_actor, hidden=hidden)
    await audit.note(tx, app, Act.READ_AUDIT, actor=actor, subject=of_subject, origin=origin)
    return found


async def roles(tx: Transaction, user_id: UUID) -> frozenset[Role]:
    """None for nearly everybody."""
    return frozenset(Role(role) for role in await queries.roles(tx, user_id))


async def grant(tx: Transaction, app: Adapters, username: str, role: Role) -> None:
    """The operator's act. Having the role already changes nothing. Raises StaffUnknown."""
    user_id = await _known(tx, username)
    await queries.become_owner(tx)
    await queries.grant(tx, user_id, role, now=app.wall_clock.now())
    await audit.note(tx, app, Act.GRANT_ROLE, subject=user_id, details={"role": role})


async def revoke(tx: Transaction, app: Adapters, username: str, role: Role) -> None:
    """The operator's act. Raises StaffUnknown."""
    user_id = await _known(tx, username)
    await queries.become_owner(tx)
    await queries.revoke(tx, user_id, role)
    await audit.note(tx, app, Act.REVOKE_ROLE, subject=user_id, details={"role": role})


async def staff(tx: Transaction) -> Sequence[Any]:
    """Username, role and since when, of all."""
    return await queries.staff(tx)


async def _known(tx: Transaction, username: str) -> UUID:
    found = await queries.user_of(tx, username.lower())
    if found is None:
        raise StaffUnknown
    return found
