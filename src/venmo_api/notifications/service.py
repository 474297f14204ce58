"""The inbox: what was told to somebody, newest first, and what of it they have read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.paging import Page, PageRequest, cut
from venmo_api.notifications import queries
from venmo_api.notifications.rules import UNREAD_MOST, Kind, Notice, NotificationNotFound, Subject, SubjectType, rising
from venmo_api.users import service as users
from venmo_api.users.rules import Card

FIRST: Final = UUID(int=0)
"""An id before every other."""
READ_AT_ONCE: Final = 5000


@dataclass(frozen=True, slots=True)
class Item:
    """A notification with its actor as they are now. ``amount`` in cents, where it is of the reader's own money."""

    id: UUID
    kind: Kind
    actor: Card | None
    subject: Subject
    comment_id: UUID | None
    amount: int | None
    currency: str | None
    detail: str | None
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """``unread``: of the whole inbox, counted up to UNREAD_MOST."""

    page: Page[Item]
    unread: int


async def tell(tx: Transaction, app: Adapters, notices: Sequence[Notice]) -> Sequence[UUID]:
    """Put these into inboxes, each once however often it is told, with what is to be sent of them; whose inbox has
    grown. Of what was told, ids rise in the order of the commits: who has seen one has missed none below it."""
    if not notices:
        return []
    ids = rising(await queries.hold_head(tx), [app.new_id() for _ in notices])
    await queries.move_head(tx, ids[-1])
    return await queries.tell(tx, notices, ids, now=app.clock.now())


async def inbox(tx: Transaction, user_id: UUID, page: PageRequest, *, unread: bool) -> Inbox:
    """A page, newest first; with ``unread`` of those only that were not read."""
    items = await _items(tx, await queries.page(tx, user_id, page, unread=unread))
    return Inbox(cut(items, page.limit, lambda item: item.id), await queries.unread(tx, user_id, most=UNREAD_MOST))


async def after(tx: Transaction, user_id: UUID, last_id: UUID | None, most: int) -> list[Item]:
    """What was told after ``last_id`` (None: ever), oldest first: nothing is told later under an id that is lower."""
    return await _items(tx, await queries.after(tx, user_id, last_id or FIRST, most=most))


async def newest(tx: Transaction, user_id: UUID) -> UUID:
    """The id after which nothing was told yet: where who wants news only begins."""
    return await queries.newest(tx, user_id) or FIRST


async def read_one(tx: Transaction, user_id: UUID, notification_id: UUID, *, now: datetime) -> None:
    """It has been read; when first, stays. Raises NotificationNotFound."""
    if not await queries.read_one(tx, user_id, notification_id, now=now):
        raise NotificationNotFound


async def read_up_to(app: Adapters, user_id: UUID, up_to: UUID) -> None:
    """Everything up to this id has been read; what is told meanwhile has a later one, and stays unread."""
    step = {"now": app.clock.now(), "most": READ_AT_ONCE}
    while await app.database.transact(queries.read_up_to, user_id, up_to, **step) == READ_AT_ONCE:
        pass


async def _items(tx: Transaction, rows: Sequence[Any]) -> list[Item]:
    people = await users.parties(tx, {row.actor_id for row in rows if row.actor_id})
    return [
        Item(
            row.id,
            Kind(row.kind),
            people[row.actor_id].card if row.actor_id else None,
            Subject(SubjectType(row.subject_type), row.subject_id),
            row.comment_id,
            row.amount,
            row.currency,
            row.detail,
            row.created_at,
            row.read_at,
        )
        for row in rows
    ]
