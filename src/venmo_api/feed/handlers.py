"""What the feed does when something has happened. Every handler may run twice."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.redis import Redis, RedisAway
from venmo_api.core.events import Event, FriendshipEnded, FriendshipStarted, ProfileChanged, TransferSettled
from venmo_api.feed import cache, queries, service
from venmo_api.feed.cache import Push, timeline
from venmo_api.feed.rules import Scope, Story
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

STORIES_MOST = 1000


async def show_to_payer(redis: Redis, events: Sequence[Event]) -> None:
    """Right after the commit, in the process that made it: a payer's next read finds their own payment."""
    pushes = [
        Push(event.transfer_id, b"", _own_timelines(service.from_event(event)))
        for event in events
        if isinstance(event, TransferSettled)
    ]
    if pushes:
        with suppress(RedisAway):
            await cache.push(redis, pushes)


async def record(app: Adapters, events: Sequence[Event]) -> None:
    """Keep the story of each payment, and put it into the timelines of all who may see it.

    Raises RedisAway when Redis is: the relay comes back, so that no timeline that outlives an outage misses a story.
    """
    stories = [service.from_event(event) for event in events if isinstance(event, TransferSettled)]
    await app.database.transact(queries.insert, stories)
    friends, found = await app.database.read(_audience, stories)
    pushes = [Push(story.id, found[story.id], _timelines(story, friends)) for story in stories]
    await cache.push(app.redis, pushes)
    await _look_again(app, stories, friends, found)


async def redraw(app: Adapters, events: Sequence[Event]) -> None:
    """Somebody has a new name: forget the documents that show the old one."""
    for person in {event.user_id for event in events if isinstance(event, ProfileChanged)}:
        after: UUID | None = None
        while found := await app.database.read(queries.ids_of, person, after=after, most=STORIES_MOST):
            await cache.forget_stories(app.redis, found)
            after = found[-1]


async def reshuffle(app: Adapters, events: Sequence[Event]) -> None:
    """Two people became friends, or ceased to be: both see other stories from now on."""
    people = {
        person
        for event in events
        if isinstance(event, (FriendshipStarted, FriendshipEnded))
        for person in (event.user_id, event.friend_id)
    }
    await cache.forget_timelines(app.redis, [timeline(Scope.FRIENDS, person) for person in people])


async def _audience(tx: Transaction, stories: Sequence[Story]) -> tuple[dict[UUID, set[UUID]], dict[UUID, bytes]]:
    friends = await users.friend_ids(tx, [person for story in stories for person in story.parties])
    return friends, await service.rendered(tx, stories)


def _viewers(story: Story, friends: dict[UUID, set[UUID]]) -> set[UUID]:
    """Whose friends feed holds the story."""
    viewers = set(story.parties)
    if story.audience is not Audience.PRIVATE:
        viewers.update(*(friends.get(person, ()) for person in story.parties))
    return viewers


def _own_timelines(story: Story) -> list[bytes]:
    """The payer's, and everybody's if the story is public: where the payer looks next."""
    own = [timeline(Scope.FRIENDS, story.actor_id), timeline(Scope.MINE, story.actor_id)]
    return own + _public(story)


def _public(story: Story) -> list[bytes]:
    return [timeline(Scope.PUBLIC, story.actor_id)] if story.audience is Audience.PUBLIC else []


def _timelines(story: Story, friends: dict[UUID, set[UUID]]) -> list[bytes]:
    found = [timeline(Scope.MINE, person) for person in story.parties]
    found += [timeline(Scope.FRIENDS, viewer) for viewer in _viewers(story, friends)]
    return found + _public(story)


async def _look_again(
    app: Adapters, stories: Sequence[Story], pushed_to: dict[UUID, set[UUID]], pushed: dict[UUID, bytes]
) -> None:
    """A friendship may have ended, or a name changed, between asking and pushing. What happened before this second
    look is taken back here; what happens later has its timelines or documents forgotten by the handlers above."""
    friends, found = await app.database.read(_audience, stories)
    for story in stories:
        for viewer in _viewers(story, pushed_to) - _viewers(story, friends):
            await cache.remove(app.redis, timeline(Scope.FRIENDS, viewer), [story.id])
    await cache.forget_stories(app.redis, cache.outdated(pushed, found))
