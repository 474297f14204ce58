"""What the feed does when something has happened. Every handler may run twice."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.redis import Redis, RedisAway
from venmo_api.core.events import Event, FriendshipEnded, FriendshipStarted, ProfileChanged, TransferSettled
from venmo_api.feed import cache, documents, queries, service
from venmo_api.feed.cache import timeline
from venmo_api.feed.rules import Scope, Story
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

STORIES_MOST = 1000
Timelines = Mapping[bytes, Sequence[bytes]]
"""The stories that go into each timeline. A batch touches the same timelines again and again, so it goes by these."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a story's way depends on besides the story: its parties as others see them, and who their friends are."""

    people: users.Parties
    circles: Mapping[UUID, bytes]

    def friends_of(self, person: UUID) -> set[bytes]:
        packed = self.circles.get(person, b"")
        return {packed[at : at + 16] for at in range(0, len(packed), 16)}


async def show_to_payer(redis: Redis, events: Sequence[Event]) -> None:
    """Right after the commit, in the process that made it: a payer's next read finds their own payment."""
    timelines: dict[bytes, list[bytes]] = defaultdict(list)
    for event in events:
        if isinstance(event, TransferSettled):
            for key in _own_timelines(event):
                timelines[key].append(event.transfer_id.bytes)
    with suppress(RedisAway):
        await cache.push(redis, timelines)


async def record(app: Adapters, events: Sequence[Event]) -> None:
    """Keep the story of each payment, and put it into the timelines of all who may see it.

    Raises RedisAway when Redis is: the relay comes back, so that no timeline that outlives an outage misses a story.
    """
    stories = [service.from_event(event) for event in events if isinstance(event, TransferSettled)]
    await app.database.transact(queries.insert, stories)
    around = await app.database.read(_surroundings, stories)
    wanted = await cache.push(app.redis, _timelines(stories, around))
    shown = [story for story in stories if story.id.bytes in wanted]
    await cache.keep_stories(app.redis, documents.render(shown, around.people, app.keys))
    await _look_again(app, stories, around)


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
    await cache.forget_timelines(app.redis, [timeline(Scope.FRIENDS, person.bytes) for person in people])


async def _surroundings(tx: Transaction, stories: Sequence[Story]) -> Surroundings:
    parties = sorted({person for story in stories for person in story.parties})
    return Surroundings(await users.parties(tx, parties), await users.circles(tx, parties))


def _own_timelines(event: TransferSettled) -> list[bytes]:
    """The payer's, and everybody's if the story is public: where the payer looks next."""
    payer = event.sender_id.bytes
    own = [timeline(Scope.FRIENDS, payer), timeline(Scope.MINE, payer)]
    return [*own, timeline(Scope.PUBLIC, payer)] if event.audience == Audience.PUBLIC else own


def _timelines(stories: Sequence[Story], around: Surroundings) -> Timelines:
    found: dict[bytes, list[bytes]] = defaultdict(list)
    by_viewer: dict[bytes, list[bytes]] = defaultdict(list)
    circles = {person: around.friends_of(person) for person in around.people}
    for story in stories:
        story_id = story.id.bytes
        for viewer in _viewers(story, circles):
            by_viewer[viewer].append(story_id)
        for person in story.parties:
            found[timeline(Scope.MINE, person.bytes)].append(story_id)
        if story.audience is Audience.PUBLIC:
            found[timeline(Scope.PUBLIC, story.actor_id.bytes)].append(story_id)
    return found | {timeline(Scope.FRIENDS, viewer): ids for viewer, ids in by_viewer.items()}


def _viewers(story: Story, circles: Mapping[UUID, set[bytes]]) -> set[bytes]:
    """Whose friends feed holds the story."""
    actor, target = story.parties
    if story.audience is Audience.PRIVATE:
        return {actor.bytes, target.bytes}
    return {actor.bytes, target.bytes} | circles[actor] | circles[target]


async def _look_again(app: Adapters, stories: Sequence[Story], before: Surroundings) -> None:
    """A friendship may have ended, or a name changed, between asking and pushing. What happened before this second
    look is taken back here; what happens later has its timelines or documents forgotten by the handlers above."""
    now = await app.database.read(_surroundings, stories)
    if now == before:
        return
    still = _timelines(stories, now)
    for key, ids in _timelines(stories, before).items():
        if gone := set(ids).difference(still.get(key, ())):
            await cache.remove(app.redis, key, gone)
    renamed = {person for person, party in before.people.items() if party != now.people.get(person)}
    await cache.forget_stories(app.redis, [story.id for story in stories if not renamed.isdisjoint(story.parties)])
