"""Blocks: each of the two is hidden from the other, whoever blocked, and neither is told."""

from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act
from venmo_api.core.events import Event, FriendshipEnded, PersonBlocked, PersonUnblocked
from venmo_api.core.origin import Origin
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.ledger import service as ledger
from venmo_api.outbox import service as outbox
from venmo_api.users import queries, service
from venmo_api.users.rules import CannotBlockSelf, Card, pair


async def block(tx: Transaction, app: Adapters, user_id: UUID, other_id: UUID, *, origin: Origin) -> None:
    """Hide each from the other, end their friendship or ask. Blocking again changes nothing, nor does blocking nobody.

    Raises CannotBlockSelf. A payment between the two, which locks the same accounts, is before this or sees it.
    """
    if user_id == other_id:
        raise CannotBlockSelf
    await ledger.open(tx, [user_id, other_id])
    low, high = pair(user_id, other_id)
    await queries.hold_pair(tx, low, high)
    now = app.clock.now()
    events: list[Event] = []
    ended = await queries.end_friendship(tx, low, high)
    if ended is not None and ended.accepted_at is not None:
        events.append(FriendshipEnded(user_id, other_id, now))
    if await queries.block(tx, user_id, other_id, now=now):
        events.append(PersonBlocked(user_id, other_id, now))
        await audit.note(tx, app, Act.BLOCK, actor=user_id, subject=other_id, origin=origin)
    await outbox.emit(tx, events, new_id=app.new_id)


async def unblock(tx: Transaction, app: Adapters, user_id: UUID, other_id: UUID, *, origin: Origin) -> None:
    """Take one's own block back; the other's stays. Nothing to take back is no error. Raises CannotBlockSelf."""
    if user_id == other_id:
        raise CannotBlockSelf
    await queries.hold_pair(tx, *pair(user_id, other_id))
    if await queries.unblock(tx, user_id, other_id):
        await outbox.emit(tx, [PersonUnblocked(user_id, other_id, app.clock.now())], new_id=app.new_id)
        await audit.note(tx, app, Act.UNBLOCK, actor=user_id, subject=other_id, origin=origin)


async def blocked(tx: Transaction, user_id: UUID, page: PageRequest) -> Page[Card]:
    """Whom this person blocked, in the order they signed up; not who had blocked them before."""
    rows = await queries.blocked(tx, user_id, page)
    return cut([service.card_of(row) for row in rows], page.limit, lambda card: card.id)
