"""Stories as Postgres has them: those that are recorded, and somebody's own that are still on their way."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.events import TransferSettled
from venmo_api.feed import documents, queries
from venmo_api.feed.rules import Scope, Story, Wish, belongs_in, may_see, narrowed
from venmo_api.outbox import service as outbox
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

PENDING_MOST = 1000


def from_event(event: TransferSettled) -> Story:
    return Story(
        id=event.transfer_id,
        actor_id=event.sender_id,
        target_id=event.recipient_id,
        action="paid",
        amount=event.amount,
        currency=event.currency,
        note=event.note,
        audience=Audience(event.audience),
        likes=0,
        comments=0,
        created_at=event.at,
    )


def recorded(row: Any) -> Story:
    return Story(
        id=row.id,
        actor_id=row.actor_id,
        target_id=row.target_id,
        action=row.action,
        amount=row.amount,
        currency=row.currency,
        note=row.note,
        audience=Audience(row.audience),
        likes=row.likes,
        comments=row.comments,
        created_at=row.created_at,
        reactions=row.reactions,
    )


async def coming(tx: Transaction, viewer: UUID) -> list[Story]:
    """Payments of the viewer whose story the worker has not recorded yet."""
    events = await outbox.pending(tx, TransferSettled, subject_id=viewer, most=PENDING_MOST)
    found = [from_event(event) for event in events if isinstance(event, TransferSettled)]
    if not found:
        return []
    rows = await queries.wishes(tx, [person for story in found for person in story.parties])
    wishes = {row.user_id: Wish(row.private_until, row.friends_until) for row in rows}
    return [narrowed(story, [wishes[one] for one in story.parties if one in wishes]) for story in found]


async def by_ids(tx: Transaction, ids: Sequence[UUID]) -> list[Story]:
    return [recorded(row) for row in await queries.by_ids(tx, ids)]


async def find(tx: Transaction, viewer: UUID, story_id: UUID) -> tuple[Story | None, bool]:
    """A story, and whether it is recorded. One's own are asked for first while they are on their way, so that one that
    is recorded in between is found twice rather than not at all."""
    own = [story for story in await coming(tx, viewer) if story.id == story_id]
    rows = await by_ids(tx, [story_id])
    return next(iter(rows + own), None), bool(rows)


async def page(tx: Transaction, viewer: UUID, scope: Scope, *, after: UUID | None, most: int) -> list[Story]:
    """A page of a feed."""
    relations = await users.relations(tx, viewer)
    own = [story for story in await coming(tx, viewer) if belongs_in(scope, viewer, story, relations)]
    rows = await queries.page(tx, scope, viewer, relations, after=after, most=most)
    return _newest(own, rows, after=after, most=most)


async def page_about(
    tx: Transaction, viewer: UUID, people: Sequence[UUID], *, after: UUID | None, most: int
) -> list[Story]:
    """A page of the stories of a person, or between two, that the viewer may see. Raises UserNotFound."""
    for person in people:
        await users.shown(tx, viewer, person)
    relations = await users.relations(tx, viewer)
    own = [story for story in await coming(tx, viewer) if set(people) <= set(story.parties)]
    visible = [story for story in own if may_see(viewer, story, relations)]
    rows = await queries.page_about(tx, people, viewer=viewer, relations=relations, after=after, most=most)
    return _newest(visible, rows, after=after, most=most)


async def rendered(tx: Transaction, app: Adapters, stories: Sequence[Story]) -> dict[UUID, bytes]:
    """The cacheable document of each story. Raises KeyAway."""
    people = await users.parties(tx, [person for story in stories for person in story.parties])
    return documents.render(stories, people, app.keys)


def _newest(own: Sequence[Story], rows: Sequence[Any], *, after: UUID | None, most: int) -> list[Story]:
    stories = {story.id: story for story in [*own, *map(recorded, rows)] if after is None or story.id < after}
    return sorted(stories.values(), key=lambda story: story.id, reverse=True)[:most]
