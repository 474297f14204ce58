"""Read feeds and stories, and show what is past to fewer people."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.redis import RedisAway
from venmo_api.core.events import PastNarrowed, StoryChanged
from venmo_api.core.paging import PageRequest, encode_cursor
from venmo_api.feed import cache, documents, queries, stories, timelines
from venmo_api.feed.rules import Scope, Story, StoryNotFound, Timeline, may_act, may_see, only_more_private
from venmo_api.outbox import service as outbox
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

STORIES_MOST = 1000
"""Narrowed in one transaction, forgotten at once."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Stories as JSON with commas between, newest first, each in the rendering its viewer may have."""

    stories: bytes
    next_cursor: str | None


async def read(app: Adapters, viewer: UUID, scope: Scope, page: PageRequest) -> FeedPage:
    """One page of a feed, below a cursor of the page before: one call of Redis when it is warm. Right with a cold,
    flushed or absent Redis, only slower. Raises KeyAway."""
    after, most = _after(app, page), page.limit + 1
    try:
        found = await timelines.read(app, viewer, scope, after=after, most=most)
    except RedisAway:
        found = None
    if found is None:
        recorded = await app.database.read(stories.page, viewer, scope, after=after, most=most)
        return await _page(app, viewer, recorded, page)
    return FeedPage(found.stories, _cursor(app, UUID(bytes=found.last)) if found.last else None)


async def read_about(app: Adapters, viewer: UUID, people: Sequence[UUID], page: PageRequest) -> FeedPage:
    """One page of the stories of a person, or between two, that the viewer may see. Raises UserNotFound, KeyAway."""
    after, most = _after(app, page), page.limit + 1
    found = await app.database.read(stories.page_about, viewer, people, after=after, most=most)
    return await _page(app, viewer, found, page)


async def channels(app: Adapters, viewer: UUID) -> list[bytes]:
    """Where it is published that there may be something new in this viewer's friends feed: of the feed itself, and of
    the friends who have too many friends to have their stories pushed."""
    pulled = await app.database.read(_pulled_friends, viewer)
    sources = [cache.timeline(Timeline.AUTHOR, friend.bytes) for friend in pulled]
    return [cache.timeline(Timeline.FRIENDS, viewer.bytes), *sources]


async def story(app: Adapters, viewer: UUID, story_id: UUID) -> bytes:
    """One story as JSON. Raises StoryNotFound, also when the viewer may not see it, and KeyAway."""
    found = await app.database.read(visible, viewer, story_id)
    return documents.seen_by((await app.database.read(stories.rendered, app, [found]))[found.id], viewer.bytes)


async def visible(tx: Transaction, viewer: UUID, story_id: UUID) -> Story:
    """Raises StoryNotFound, also when the viewer may not see it."""
    found, _ = await stories.find(tx, viewer, story_id)
    if found is None or not may_see(viewer, found, await users.relations(tx, viewer)):
        raise StoryNotFound
    return found


async def actable(tx: Transaction, viewer: UUID, story_id: UUID) -> Story:
    """The same for who wants to like it or talk about it; recorded, if it was still on its way. Raises StoryNotFound,
    also when somebody is hidden from the viewer who would hear of it."""
    found, recorded = await stories.find(tx, viewer, story_id)
    if found is None or not may_act(viewer, found, await users.relations(tx, viewer)):
        raise StoryNotFound
    if not recorded:
        await queries.insert(tx, [found])
    return found


async def hidden_on(tx: Transaction, viewer: UUID, story: Story) -> frozenset[UUID]:
    """Whose acts on this story the viewer is not shown: who is hidden from the viewer, or from a party. The parties
    themselves are shown to all others, though they hide from each other."""
    hidden = await users.hidden_of(tx, [viewer, *story.parties])
    of_parties = frozenset().union(*(hidden.get(party, frozenset()) for party in story.parties))
    return hidden.get(viewer, frozenset()) | of_parties.difference(story.parties)


async def narrow(tx: Transaction, app: Adapters, viewer: UUID, story_id: UUID, audience: Audience) -> None:
    """Show a story of one's own to fewer people; the same as before changes nothing. Raises StoryNotFound, also when
    it is somebody else's, and OnlyMorePrivate."""
    found, recorded = await stories.find(tx, viewer, story_id)
    if found is None or viewer not in found.parties:
        raise StoryNotFound
    only_more_private(found, audience)
    if not recorded:
        await queries.insert(tx, [found])
    if await queries.narrow(tx, story_id, audience):
        await outbox.emit(tx, [StoryChanged(story_id, viewer, app.clock.now())], new_id=app.new_id)


async def narrow_past(app: Adapters, user_id: UUID, audience: Audience) -> int:
    """Show all stories of somebody, up to now, to so many people at most; how many were shown to more. Those that are
    still on their way are recorded so."""
    looser = await app.database.transact(_wish, app, user_id, audience)
    with suppress(RedisAway):
        await apply_wishes(app, user_id)
    return looser


async def apply_wishes(app: Adapters, user_id: UUID) -> None:
    """Narrow the recorded stories of somebody as they wished, and forget how they were shown. Safe to begin again: the
    worker does, in case that the process that was asked did not get to the end. Raises RedisAway, after the end."""
    away: RedisAway | None = None
    after: UUID | None = None
    while found := await app.database.read(queries.ids, Timeline.MINE, user_id, after=after, most=STORIES_MOST):
        await app.database.transact(queries.narrow_as_wished, found)
        try:
            await cache.forget_stories(app.redis, found)
        except RedisAway as error:
            away = error
        after = found[-1]
    if away:
        raise away


async def _wish(tx: Transaction, app: Adapters, user_id: UUID, audience: Audience) -> int:
    now = app.clock.now()
    looser = await queries.wish(tx, user_id, audience, until=now)
    await outbox.emit(tx, [PastNarrowed(user_id, now)], new_id=app.new_id)
    return looser


async def _pulled_friends(tx: Transaction, viewer: UUID) -> frozenset[UUID]:
    return await queries.pulled(tx, (await users.relations(tx, viewer)).friends)


async def _page(app: Adapters, viewer: UUID, found: Sequence[Story], page: PageRequest) -> FeedPage:
    kept = found[: page.limit]
    known = await app.database.read(stories.rendered, app, kept)
    cursor = _cursor(app, kept[-1].id) if len(found) > page.limit else None
    return FeedPage(b",".join([documents.seen_by(known[story.id], viewer.bytes) for story in kept]), cursor)


def _after(app: Adapters, page: PageRequest) -> UUID | None:
    """Cursors are veiled like the ids of stories. They stand for a place, not for a story that must still be there."""
    return None if page.after is None else app.keys.unveil(page.after)


def _cursor(app: Adapters, last: UUID) -> str:
    return encode_cursor(app.keys.veil(last))
