"""Read feeds: one Redis call when the timeline is warm, Postgres when it is not or Redis is away."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.redis import RedisAway
from venmo_api.core.events import TransferSettled
from venmo_api.core.paging import PageRequest, encode_cursor
from venmo_api.feed import cache, documents, queries
from venmo_api.feed.rules import Scope, Story, StoryNotFound, belongs_in, may_act, may_see
from venmo_api.outbox import service as outbox
from venmo_api.users import service as users
from venmo_api.users.rules import Audience, Relations

PENDING_MOST = 1000


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Stories as JSON, newest first, each in the rendering its viewer may have."""

    stories: Sequence[bytes]
    next_cursor: str | None


async def read(app: Adapters, viewer: UUID, scope: Scope, page: PageRequest) -> FeedPage:
    """One page of a feed. Right with a cold, flushed or absent Redis, only slower."""
    key = cache.timeline(scope, viewer.bytes)
    try:
        cached = await cache.page(app.redis, key, after=page.after, most=page.limit + 1)
        if cached is not None:
            return await _from_cache(app, viewer, page, *cached)
        if page.after is None:
            return await _rebuilt(app, viewer, scope, key, page)
    except RedisAway:
        pass
    stories = await app.database.read(_stories, viewer, scope, after=page.after, most=page.limit + 1)
    return await _page(app, viewer, stories, page)


async def story(app: Adapters, viewer: UUID, story_id: UUID) -> bytes:
    """One story as JSON. Raises StoryNotFound, also when the viewer may not see it."""
    found = await app.database.read(visible, viewer, story_id)
    return documents.seen_by((await app.database.read(rendered, app, [found]))[found.id], viewer)


async def visible(tx: Transaction, viewer: UUID, story_id: UUID) -> Story:
    """Raises StoryNotFound, also when the viewer may not see it."""
    found, relations = await _found_for(tx, viewer, story_id)
    if found is None or not may_see(viewer, found, relations):
        raise StoryNotFound
    return found


async def actable(tx: Transaction, viewer: UUID, story_id: UUID) -> Story:
    """The same for who wants to like it or talk about it; recorded, if it was still on its way. Raises StoryNotFound,
    also when somebody is hidden from the viewer who would hear of it."""
    found, relations = await _found_for(tx, viewer, story_id)
    if found is None or not may_act(viewer, found, relations):
        raise StoryNotFound
    await queries.insert(tx, [found])
    return found


async def hidden_on(tx: Transaction, viewer: UUID, story: Story) -> frozenset[UUID]:
    """Whose acts on this story the viewer is not shown: who is hidden from the viewer, or from a party."""
    hidden = await users.hidden_of(tx, [viewer, *story.parties])
    return frozenset().union(*hidden.values())


async def rendered(tx: Transaction, app: Adapters, stories: Sequence[Story]) -> dict[UUID, bytes]:
    """The cacheable document of each story. Raises KeyAway."""
    people = await users.parties(tx, [person for story in stories for person in story.parties])
    return documents.render(stories, people, app.keys)


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


async def _from_cache(
    app: Adapters, viewer: UUID, page: PageRequest, ids: list[bytes], found: list[bytes | None]
) -> FeedPage:
    if None in found:
        found = await _completed(app, viewer, ids, found)
    shown = [documents.seen_by(document, viewer) for document in found[: page.limit] if document is not None]
    more = len(ids) > page.limit
    return FeedPage(shown, encode_cursor(UUID(bytes=ids[page.limit - 1])) if more else None)


async def _completed(app: Adapters, viewer: UUID, ids: list[bytes], found: list[bytes | None]) -> list[bytes | None]:
    """Load the documents Redis does not hold, and give them back to it."""
    missing = [UUID(bytes=story_id) for story_id, document in zip(ids, found, strict=True) if document is None]
    stories = await app.database.read(_found, viewer, missing)
    loaded = await app.database.read(rendered, app, stories)
    await cache.keep_stories(app.redis, loaded)
    # A party may have taken a new name meanwhile; one who does from here on has the documents forgotten by the worker.
    await cache.forget_stories(app.redis, cache.outdated(loaded, await app.database.read(rendered, app, stories)))
    return [document or loaded.get(UUID(bytes=story_id)) for story_id, document in zip(ids, found, strict=True)]


async def _rebuilt(app: Adapters, viewer: UUID, scope: Scope, key: bytes, page: PageRequest) -> FeedPage:
    """The first page from Postgres, and the timeline made ready on the way unless somebody else is at it."""
    token = app.new_id().hex
    mine = await cache.begin(app.redis, key, token)
    most = cache.CAP + 1 if mine else page.limit + 1  # one more tells whether older ones are cut off
    stories = await app.database.read(_stories, viewer, scope, after=None, most=most)
    if mine:
        await cache.finish(app.redis, key, token, [story.id for story in stories])
    return await _page(app, viewer, stories, page)


async def _page(app: Adapters, viewer: UUID, stories: Sequence[Story], page: PageRequest) -> FeedPage:
    kept = stories[: page.limit]
    found = await app.database.read(rendered, app, kept)
    cursor = encode_cursor(kept[-1].id) if len(stories) > page.limit else None
    return FeedPage([documents.seen_by(found[story.id], viewer) for story in kept], cursor)


async def _stories(tx: Transaction, viewer: UUID, scope: Scope, *, after: UUID | None, most: int) -> list[Story]:
    """Recorded stories, and the viewer's own that are still on their way: read first, so that one recorded in
    between is seen twice rather than not at all."""
    relations = await users.relations(tx, viewer)
    coming = [story for story in await _coming(tx, viewer) if belongs_in(scope, viewer, story, relations)]
    rows = await queries.page(tx, scope, viewer, friends=sorted(relations.friends), after=after, most=most)
    found = {story.id: story for story in [*coming, *map(_story, rows)] if after is None or story.id < after}
    return sorted(found.values(), key=lambda story: story.id, reverse=True)[:most]


async def _found(tx: Transaction, viewer: UUID, story_ids: Sequence[UUID]) -> list[Story]:
    coming = {story.id: story for story in await _coming(tx, viewer)}
    recorded = {row.id: _story(row) for row in await queries.by_ids(tx, story_ids)}
    found = coming | recorded
    return [found[story_id] for story_id in story_ids if story_id in found]


async def _found_for(tx: Transaction, viewer: UUID, story_id: UUID) -> tuple[Story | None, Relations]:
    found = await _found(tx, viewer, [story_id])
    return (found[0] if found else None), await users.relations(tx, viewer)


async def _coming(tx: Transaction, viewer: UUID) -> Iterable[Story]:
    """Payments of the viewer whose story the worker has not recorded yet."""
    events = await outbox.pending(tx, TransferSettled, subject_id=viewer, most=PENDING_MOST)
    return [from_event(event) for event in events if isinstance(event, TransferSettled)]


def _story(row: Any) -> Story:
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
